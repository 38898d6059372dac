"""Reward that never ends: a way to earn by going in circles."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.protocol import FiniteEnv, Outcome
from memory_envs.testing.failure import ConformanceError
from memory_envs.testing.graph import reachable_states, transitions

_CHECK = "reward_loops"
_LEAST_GAIN = 1e-9

Allowed = Callable[[Any, int, Outcome], bool]


class RewardLoop(NamedTuple):
    """States and actions that lead back to where they began, with a profit.

    Attributes:
        states: The states, in order; the last action leads back to the first of them.
        actions: What is done in each.
        rewards: What each action earns.
    """

    states: tuple[Any, ...]
    actions: tuple[int, ...]
    rewards: tuple[float, ...]


class _Edges(NamedTuple):
    """Transitions as arrays; `source` and `target` are numbers of states."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    action: NDArray[np.int64]
    reward: NDArray[np.float64]


def find_reward_loop(
    env: FiniteEnv, *, allowed: Allowed | None = None, max_states: int = 1_000_000
) -> RewardLoop | None:
    """Return a cycle of reachable states along which the rewards sum to more than 0, or None.

    Such a cycle pays for as long as the time limit lets it. Where outcomes are drawn, the cycle is one that
    may happen, whatever its probability.

    Args:
        env: The task; its states hold no clock, or no state would come twice.
        allowed: (state, action, outcome) to whether this transition may pay again and again, because it
            is the progress the task is about: such transitions are left out of the search.
        max_states: More reachable states are refused.

    Raises:
        ValueError: There are too many states.
    """
    states = list(reachable_states(env, max_states=max_states))
    edges = _edges(env, states, allowed)
    if not (edges.reward > 0).any():
        return None
    chosen = _profitable_cycle(edges, len(states))
    if chosen is None:
        return None
    return RewardLoop(
        tuple(states[number] for number in edges.source[chosen].tolist()),
        tuple(edges.action[chosen].tolist()),
        tuple(edges.reward[chosen].tolist()),
    )


def check_reward_loops(
    env: FiniteEnv, *, allowed: Allowed | None = None, max_states: int = 1_000_000
) -> None:
    """Check that `find_reward_loop` finds none; see there for the arguments.

    Raises:
        ConformanceError: With the cycle, state by state.
        ValueError: There are too many states.
    """
    loop = find_reward_loop(env, allowed=allowed, max_states=max_states)
    if loop is not None:
        path = "; ".join(
            f"in {state} action {action} earns {reward:g}"
            for state, action, reward in zip(*loop, strict=True)
        )
        raise ConformanceError(_CHECK, f"{sum(loop.rewards):g} can be earned over and over: {path}")


def _edges(env: FiniteEnv, states: list[Any], allowed: Allowed | None) -> _Edges:
    numbers = {state: number for number, state in enumerate(states)}
    found = [
        (number, numbers[outcome.state], action, float(outcome.reward))
        for state, number in numbers.items()
        for action, outcome in transitions(env, state)
        if not outcome.terminated and not (allowed is not None and allowed(state, action, outcome))
    ]
    found.sort(key=lambda edge: edge[1])
    columns = list(zip(*found, strict=True)) or [()] * 4
    source, target, action = (np.array(column, dtype=np.int64) for column in columns[:3])
    return _Edges(source, target, action, np.array(columns[3], dtype=np.float64))


def _profitable_cycle(edges: _Edges, num_states: int) -> NDArray[np.int64] | None:
    """Bellman and Ford, for the greatest sum: values that never settle betray a cycle that pays.

    Each state remembers the edge that last raised its value. Following these edges backwards either ends at
    a state that was never raised or runs into a cycle, and every such cycle pays: going round it, no value
    exceeds its predecessor's plus the reward, and the newest edge was set before its predecessor was raised.
    """
    firsts = np.flatnonzero(np.diff(edges.target, prepend=-1))
    targets = edges.target[firsts]
    best = np.zeros(num_states)
    raised_by = np.full(num_states, -1, dtype=np.int64)
    while True:
        offers = best[edges.source] + edges.reward
        greatest = np.maximum.reduceat(offers, firsts)
        better = greatest > best[targets] + _LEAST_GAIN
        if not better.any():
            return None
        winners = _first_attaining(offers, np.repeat(greatest, np.diff(firsts, append=len(offers))), firsts)
        raised_by[targets[better]] = winners[better]
        best[targets[better]] = greatest[better]
        cycle = _cycle_backwards(edges, raised_by)
        if cycle is not None:
            return cycle


def _first_attaining(
    offers: NDArray[np.float64], greatest: NDArray[np.float64], firsts: NDArray[np.int64]
) -> NDArray[np.int64]:
    places = np.where(offers == greatest, np.arange(len(offers)), len(offers))
    return np.minimum.reduceat(places, firsts)


def _cycle_backwards(edges: _Edges, raised_by: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Return the edges of a cycle among those that raised values, in the order in which they are walked."""
    before = np.where(raised_by >= 0, edges.source[raised_by], np.arange(len(raised_by)))
    ancestor = before
    for _ in range(len(raised_by).bit_length()):  # after 2**k steps back, k doublings
        ancestor = ancestor[ancestor]
    inside = np.flatnonzero(raised_by[ancestor] >= 0)
    if not len(inside):
        return None
    start = state = int(ancestor[inside[0]])
    walked = []
    while True:
        walked.append(raised_by[state])
        state = int(before[state])
        if state == start:
            return np.array(walked[::-1])
