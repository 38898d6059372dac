"""Perfect memory: a task played on its history is a task whose states are beliefs."""

from collections.abc import Iterator
from typing import NamedTuple

from memory_envs.solvers.graph import Graph, GraphBuilder

BELIEF_LIMIT = 50_000
"""Beliefs beyond which their enumeration gives up."""

_DIGITS = 14

Belief = tuple[tuple[int, float], ...]
"""States with their probabilities given the whole history, by number."""


class Step(NamedTuple):
    """What one action does to a belief: reward, success, and (probability, belief) by observation."""

    reward: float
    success: float
    following: list[tuple[float, Belief]]


def belief_graph(graph: Graph, limit: int = BELIEF_LIMIT) -> Graph:
    """Return the task of an agent that remembers every observation and action: its states are beliefs.

    The best policy there is the best policy with perfect memory here, exactly, and its best policy that acts
    on the observation alone is the best memoryless one here. Rewards are remembered as far as observations
    show them. Beliefs are those in which an action can be taken before the time limit. Their probabilities
    are kept to 14 decimal places, and states whose probability is 0 there are left out.

    Raises:
        TooLarge: There are more than `limit` beliefs. With random transitions their number may grow with the
            time limit without end.
    """
    builder = GraphBuilder(graph.num_actions, graph.horizon, limit)
    moves = _moves(graph)
    first = {int(number): float(graph.start[number]) for number in graph.start.nonzero()[0]}
    start = [(chance, builder.number(belief)) for chance, belief in _told_apart(graph, first)]
    while builder.waiting:
        belief = builder.waiting.popleft()
        for action in range(graph.num_actions):
            builder.add(*_step(graph, moves, belief, action))
    seen = [graph.observations[graph.seen[belief[0][0]]] for belief in builder.states]
    return builder.graph(start, seen)


def _step(graph: Graph, moves: list[list[tuple[float, int]]], belief: Belief, action: int) -> Step:
    reward = success = 0.0
    mass: dict[int, float] = {}
    for state, chance in belief:
        reward += chance * float(graph.reward[state, action])
        success += chance * float(graph.success[state, action])
        for probability, target in moves[state * graph.num_actions + action]:
            mass[target] = mass.get(target, 0.0) + chance * probability
    return Step(reward, success, list(_told_apart(graph, mass)))


def _told_apart(graph: Graph, mass: dict[int, float]) -> Iterator[tuple[float, Belief]]:
    groups: dict[int, dict[int, float]] = {}
    for state, chance in sorted(mass.items()):
        groups.setdefault(int(graph.seen[state]), {})[state] = chance
    for group in groups.values():
        total = sum(group.values())
        if total > 0:  # the product of tiny probabilities may be 0.0
            shares = ((state, round(chance / total, _DIGITS)) for state, chance in group.items())
            yield total, tuple((state, chance) for state, chance in shares if chance > 0)


def _moves(graph: Graph) -> list[list[tuple[float, int]]]:
    moves: list[list[tuple[float, int]]] = [[] for _ in range(graph.reward.size)]
    for pair, probability, target in zip(*(column.tolist() for column in graph.edges), strict=True):
        moves[pair].append((probability, target))
    return moves
