"""A finite environment as arrays: every reachable state with a number, every transition in one table."""

from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.errors import NotFinite, TooLarge
from memory_envs.finite.protocol import FiniteEnv
from memory_envs.solvers.checks import (
    check_hashable,
    check_sizes,
    checked_outcomes,
    checked_starts,
)

STATE_LIMIT = 1_000_000
"""Reachable states beyond which enumeration gives up."""

_ROUNDING = 1e-9

__all__ = [
    "STATE_LIMIT",
    "Edges",
    "Floats",
    "Graph",
    "GraphBuilder",
    "Integers",
    "NotFinite",
    "TooLarge",
    "enumerate_states",
    "tally",
]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Edges(NamedTuple):
    """The transitions after which the episode goes on, sorted by `pair`.

    Attributes:
        pair: int64 [E], state * num_actions + action.
        probability: float64 [E]; what is missing to 1 at a pair is the probability that the episode ends, by
            its rules or because nothing can be done any more before the time limit.
        target: int64 [E], the next state.
    """

    pair: Integers
    probability: Floats
    target: Integers


@dataclass(frozen=True, eq=False)
class Graph:
    """All that can happen in a finite environment. S states, A actions, E transitions, O observations.

    Attributes:
        states: The states, by number.
        observations: The observations, by number.
        horizon: Steps after which an episode is truncated.
        start: float64 [S], the probability of each first state.
        seen: int64 [S], the observation made in each state.
        reward: float64 [S, A], expected rewards.
        success: float64 [S, A], probability that the action ends the episode well.
        edges: The transitions that do not end the episode.
    """

    states: tuple[Any, ...]
    observations: tuple[Hashable, ...]
    horizon: int
    start: Floats
    seen: Integers
    reward: Floats
    success: Floats
    edges: Edges

    @property
    def num_states(self) -> int:
        """The number of states, S."""
        return len(self.states)

    @property
    def num_actions(self) -> int:
        """The number of actions, A."""
        return int(self.reward.shape[1])

    @cached_property
    def table(self) -> Integers | None:
        """The next state of each pair, S where the episode ends; None when chance decides it."""
        pair, probability, target = self.edges
        if len(np.unique(pair)) < len(pair) or (probability < 1 - _ROUNDING).any():
            return None
        table = np.full(self.reward.size, self.num_states, dtype=np.int64)
        table[pair] = target
        return table

    @cached_property
    def is_passive(self) -> bool:
        """Whether what follows a state is the same whatever is done; rewards may differ."""
        moves: dict[int, list[tuple[float, float]]] = {}
        for pair, *following in zip(*(column.tolist() for column in self.edges), strict=True):
            moves.setdefault(pair, []).append((following[1], following[0]))
        following_of = [sorted(moves.get(pair, [])) for pair in range(self.reward.size)]
        first = (each for each in following_of[:: self.num_actions] for _ in range(self.num_actions))
        return all(one == other for one, other in zip(first, following_of, strict=True))

    def scoring_success(self) -> "Graph":
        """Return the same task, with a reward of 1 for ending well and none for anything else."""
        return replace(self, reward=self.success)

    def paid_in(self, unit: float) -> "Graph":
        """Return the same task, with rewards given in another unit."""
        return replace(self, reward=self.reward / unit)

    def expected(self, values: Floats) -> Floats:
        """Return the mean of the next state's value, float64 [S, A], given the values of states, [S]."""
        if self.table is not None:
            return np.append(values, 0.0)[self.table].reshape(self.reward.shape)
        pair, probability, target = self.edges
        mean = tally(pair, probability * values[target], self.reward.size)
        return mean.reshape(self.reward.shape)

    def flow(self, mass: Floats) -> Floats:
        """Return where probability goes, float64 [S], given that of each state and action, [S, A]."""
        if self.table is not None:
            return tally(self.table, mass.ravel(), self.num_states + 1)[:-1]
        pair, probability, target = self.edges
        return tally(target, probability * mass.ravel()[pair], self.num_states)


def tally(numbers: Integers, weights: Floats, count: int) -> Floats:
    """Return the sum of the weights of each number below `count`, float64 [count]."""
    return np.bincount(numbers, weights, count).astype(np.float64, copy=False)


def enumerate_states(env: FiniteEnv, limit: int = STATE_LIMIT) -> Graph:
    """Return the graph of every state in which an action can be taken before the time limit.

    Raises:
        NotFinite: The environment breaks the protocol; the message names what was met.
        TooLarge: There are more than `limit` states.
    """
    check_sizes(env)
    actions = int(env.num_actions)
    builder = GraphBuilder(actions, int(env.horizon), limit)
    start = [(probability, builder.number(state)) for probability, state in checked_starts(env)]
    while builder.waiting:
        state = builder.waiting.popleft()
        for action in range(actions):
            outcomes = checked_outcomes(env, state, action)
            builder.add(
                reward=sum(each.probability * float(each.reward) for each in outcomes),
                success=sum(each.probability for each in outcomes if each.success),
                following=[(each.probability, each.state) for each in outcomes if not each.terminated],
            )
    seen = [env.observe(state) for state in builder.states]
    for state, each in zip(builder.states, seen, strict=True):
        check_hashable(f"the observation in state {state!r}", each)
    return builder.graph(start, seen)


class GraphBuilder:
    """Numbers states as they are met and collects their transitions, in that order and action by action.

    States come in the order of the fewest steps to them. One that takes as many steps as an episode has at
    most is left out, with the transitions to it: nothing is done in it any more.

    Attributes:
        waiting: States that were met and not expanded yet, first come first.
        states: All states met so far.
    """

    def __init__(self, num_actions: int, horizon: int, limit: int) -> None:
        """Begin with no state; more than `limit` are refused."""
        self.waiting: deque[Any] = deque()
        self.states: list[Any] = []
        self._numbers: dict[Any, int] = {}
        self._steps: list[int] = []
        self._limit = limit
        self._num_actions, self._horizon = num_actions, horizon
        self._pairs: list[tuple[float, float]] = []
        self._edges: list[tuple[int, float, int]] = []

    def number(self, state: Any, steps: int = 0) -> int:
        """Return the number of a state, a new one when it is met for the first time, after `steps` steps.

        Raises:
            TooLarge: The limit is passed.
        """
        known = self._numbers.setdefault(state, len(self.states))
        if known == len(self.states):
            if known >= self._limit:
                raise TooLarge(f"more than {self._limit} states can be reached")
            self.states.append(state)
            self._steps.append(steps)
            self.waiting.append(state)
        return known

    def add(self, reward: float, success: float, following: Iterable[tuple[float, Any]]) -> None:
        """Add what one action does in the oldest state whose actions are not complete."""
        merged: dict[int, float] = {}
        pair = len(self._pairs)
        steps = self._steps[pair // self._num_actions] + 1
        for probability, state in following:
            if steps < self._horizon or state in self._numbers:
                target = self.number(state, steps)
                merged[target] = merged.get(target, 0.0) + probability
        self._pairs.append((reward, success))
        self._edges += [(pair, probability, target) for target, probability in merged.items()]

    def graph(self, start: Iterable[tuple[float, int]], seen: list[Hashable]) -> Graph:
        """Return the graph: `start` as (probability, number), `seen` as the observation in each state."""
        numbers: dict[Hashable, int] = {}
        observed = np.array([numbers.setdefault(each, len(numbers)) for each in seen], dtype=np.int64)
        first = np.zeros(len(self.states))
        for probability, number in start:
            first[number] += probability
        pairs = np.array(self._pairs, dtype=np.float64).reshape(len(self.states), self._num_actions, 2)
        edges = np.array(self._edges, dtype=np.float64).reshape(-1, 3)
        return Graph(
            states=tuple(self.states),
            observations=tuple(numbers),
            horizon=self._horizon,
            start=first,
            seen=observed,
            reward=pairs[:, :, 0].copy(),
            success=pairs[:, :, 1].copy(),
            edges=Edges(edges[:, 0].astype(np.int64), edges[:, 1].copy(), edges[:, 2].astype(np.int64)),
        )
