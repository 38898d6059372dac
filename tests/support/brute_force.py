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
