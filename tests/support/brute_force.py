"""What a tiny finite task is worth, found by trying everything: slow, and short enough to be read."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np

from memory_envs.finite.protocol import Outcome


class RandomPOMDP:
    """A random task of a few states: transitions, rewards and ends are drawn, and some chances are tiny."""

    num_actions = 2

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.num_states, self.horizon = int(random.integers(2, 4)), int(random.integers(2, 5))
        self.sights = random.integers(random.integers(1, 3), size=self.num_states)
        shape = (self.num_states, self.num_actions, self.num_states)
        powers = random.choice([1.0, 1.0, 1e-7, 1e-12], size=shape)
        weights = random.random(shape) * powers
        self.chances = weights / weights.sum(axis=2, keepdims=True)
        self.rewards = random.normal(size=shape).round(1)
        self.ends = random.random(shape) < random.choice([0.0, 0.2])
        first = random.random(self.num_states)
        self.first = first / first.sum()

    def starts(self) -> list[tuple[float, int]]:
        return [(float(chance), state) for state, chance in enumerate(self.first)]

    def step(self, state: int, action: int) -> list[Outcome]:
        rows = (table[state, action].tolist() for table in (self.chances, self.rewards, self.ends))
        return [
            Outcome(chance, target, reward, end, end)
            for target, (chance, reward, end) in enumerate(zip(*rows, strict=True))
        ]

    def observe(self, state: int) -> int:
        return int(self.sights[state])


class CoarsePOMDP(RandomPOMDP):
    """One in which nothing is left to chance but the start, and many actions are equally good."""

    num_actions = 3

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.chances = (self.chances == self.chances.max(axis=2, keepdims=True)).astype(float)
        self.rewards = (self.rewards > 0.7).astype(float)

    def step(self, state: int, action: int) -> list[Outcome]:
        return [each for each in super().step(state, action) if each.probability]


def best_over_histories(env: Any, *, rewards_remembered: bool = False) -> float:
    """Return the best return of an agent that remembers all, by trying every action after every history.

    Args:
        env: A `memory_envs.finite.FiniteEnv`.
        rewards_remembered: Whether a history holds the rewards too, and not observations and actions alone.
    """
    groups: dict[Any, Counter[Any]] = {}
    for chance, state in env.starts():
        groups.setdefault(env.observe(state), Counter())[state] += chance
    return sum(_best_from(env, group, env.horizon, rewards_remembered) for group in groups.values())


def best_reactive_return(env: Any) -> float:
    """Return the best return of a deterministic policy without memory, by playing out every one of them."""
    sights = sorted({env.observe(state) for state in range(env.num_states)})
    policies = product(range(env.num_actions), repeat=len(sights))
    return max(_return_of(env, dict(zip(sights, actions, strict=True))) for actions in policies)


def _best_from(env: Any, mass: Counter[Any], left: int, rewards_remembered: bool) -> float:
    """Return what is still to be had from weighted states that share a history."""
    if left == 0:
        return 0.0
    worth = []
    for action in range(env.num_actions):
        total, following = 0.0, dict[Any, Counter[Any]]()
        for state, weight in mass.items():
            for chance, after, reward, terminated, _ in env.step(state, action):
                total += weight * chance * reward
                if not terminated:
                    told = env.observe(after), reward if rewards_remembered else None
                    following.setdefault(told, Counter())[after] += weight * chance
        later = (_best_from(env, group, left - 1, rewards_remembered) for group in following.values())
        worth.append(total + sum(later))
    return max(worth)


def _return_of(env: Any, actions: dict[Any, int]) -> float:
    mass, total = Counter({state: chance for chance, state in env.starts()}), 0.0
    for _ in range(env.horizon):
        following: Counter[Any] = Counter()
        for state, weight in mass.items():
            for chance, after, reward, terminated, _ in env.step(state, actions[env.observe(state)]):
                total += weight * chance * reward
                if not terminated:
                    following[after] += weight * chance
        mass = following
    return total


def students_of_the_optimum(env: Any) -> tuple[float, float]:
    """Return what two students earn who know their history, of one who sees the state and counts the steps.

    The first draws its action as the optimum would on average, the second takes the best action that the
    optimum might take. The optimum draws evenly among its best actions: of the highest return, then of the
    rewards that come soonest.
    """
    groups: dict[Any, Counter[Any]] = {}
    for chance, state in env.starts():
        groups.setdefault(env.observe(state), Counter())[state] += chance
    drawn, chosen = zip(*(_students_from(env, group, env.horizon) for group in groups.values()), strict=True)
    return sum(drawn), sum(chosen)


def _students_from(env: Any, mass: Counter[Any], left: int) -> tuple[float, float]:
    """Return what both students still earn in weighted states that share a history."""
    if left == 0:
        return 0.0, 0.0
    taken = [0.0] * env.num_actions
    for state, weight in mass.items():
        best = _optimal_actions(env, state, left)
        for action in best:
            taken[action] += weight / len(best) / mass.total()
    drawn, chosen = 0.0, []
    for action in range(env.num_actions):
        total, following = 0.0, dict[Any, Counter[Any]]()
        for state, weight in mass.items():
            for chance, after, reward, terminated, _ in env.step(state, action):
                total += weight * chance * reward
                if not terminated and chance > 0:
                    following.setdefault(env.observe(after), Counter())[after] += weight * chance
        later = [_students_from(env, group, left - 1) for group in following.values()]
        drawn += taken[action] * (total + sum(each[0] for each in later))
        if taken[action] > 0:
            chosen.append(total + sum(each[1] for each in later))
    return drawn, max(chosen)


def _optimal_actions(env: Any, state: Any, left: int) -> list[int]:
    worth = [_worth(env, state, action, left) for action in range(env.num_actions)]
    most = max(value for value, _ in worth)
    soonest = max(early for value, early in worth if value >= most - 1e-9)
    return [
        action
        for action, (value, early) in enumerate(worth)
        if value >= most - 1e-9 and early >= soonest - 1e-9 * left
    ]


def _worth(env: Any, state: Any, action: int, left: int) -> tuple[float, float]:
    """Return the optimum's return after an action, and its rewards times the steps left when they come."""
    value = early = 0.0
    for chance, after, reward, terminated, _ in env.step(state, action):
        value, early = value + chance * reward, early + chance * reward * left
        if not terminated and left > 1:
            following = _optimal_actions(env, after, left - 1)[0]
            later = _worth(env, after, following, left - 1)
            value, early = value + chance * later[0], early + chance * later[1]
    return value, early
