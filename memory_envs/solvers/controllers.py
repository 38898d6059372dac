"""How much memory a task asks for: policies with few memory states, found by search.

A finite-state controller of n memory states is a function from observation and memory to action and next
memory; it begins in memory 0. It is a policy without memory in another task: the one whose observations hold
the memory and whose actions choose the next. So what is known of such policies holds for controllers.
"""

from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Edges, Graph
from memory_envs.solvers.search import NODE_LIMIT, best_reactive
from memory_envs.solvers.values import best_actions, evaluate

MOST = 5
"""Memory states beyond which no controller is looked for."""

_CLOSE = 1e-9
_PAIRS = 200_000
_CHEAPER = 15
"""What is tried by `_followed` costs so much less than a node of branch and bound."""


@dataclass(frozen=True)
class MemoryStates:
    """How many memory states a deterministic policy needs to be worth as much as asked for.

    Attributes:
        target: What it has to be worth.
        least: No deterministic policy with fewer is worth as much.
        enough: One with so many is; None when none was found.
        value: What that one is worth, exactly.
    """

    target: float
    least: int
    enough: int | None
    value: float | None

    @property
    def exact(self) -> bool:
        """Whether the number is known."""
        return self.least == self.enough

    def __str__(self) -> str:
        if self.exact:
            return str(self.least)
        return f"{self.least} or more" if self.enough is None else f"{self.least} to {self.enough}"


def with_memory(graph: Graph, size: int) -> Graph:
    """Return the task of an agent that also sees its memory and chooses the next, out of `size`.

    State s with memory m has the number s * size + m, observations likewise; action a that goes to memory m
    has the number a * size + m.
    """
    states, actions = graph.num_states, graph.num_actions
    pair, probability, target = graph.edges
    state, action = pair // actions, pair % actions
    pairs, targets = [], []
    for held, following in product(range(size), repeat=2):
        pairs.append((state * size + held) * actions * size + action * size + following)
        targets.append(target * size + following)
    order = np.argsort(np.concatenate(pairs), kind="stable")
    start = np.zeros((states, size))
    start[:, 0] = graph.start
    return replace(
        graph,
        states=tuple(product(graph.states, range(size))),
        observations=tuple(product(graph.observations, range(size))),
        start=start.ravel(),
        seen=(graph.seen[:, None] * size + np.arange(size)).ravel(),
        reward=graph.reward.repeat(size, axis=0).repeat(size, axis=1),
        success=graph.success.repeat(size, axis=0).repeat(size, axis=1),
        edges=Edges(
            np.concatenate(pairs)[order],
            np.tile(probability, size * size)[order],
            np.concatenate(targets)[order],
        ),
    )


def fewest_memory(
    graph: Graph, target: float, *, most: int = MOST, node_limit: int = NODE_LIMIT
) -> MemoryStates:
    """Return how many memory states a deterministic policy needs for an expected return of `target`.

    Both ends are proved: `enough` by a controller that is valued exactly, `least` by branch and bound over
    all controllers of fewer states.

    Args:
        graph: The task, or its graph of beliefs, on which the bounds are tighter.
        target: In the rewards of the graph.
        most: Memory states to look for at most.
        node_limit: Nodes of each search.
    """
    least, proving = 1, True
    for size in range(1, most + 1):
        larger = with_memory(graph, size)
        followed = _followed(graph, size, _CHEAPER * node_limit)
        value = None if followed is None else evaluate(larger, followed).episode_return
        if value is None or value < target - _CLOSE:
            found = best_reactive(larger, node_limit)
            value = found.lower
            proving = proving and found.upper < target - _CLOSE
        if value >= target - _CLOSE:
            return MemoryStates(target, least, size, value)
        least = size + 1 if proving else least
    return MemoryStates(target, least, None, None)


def _followed(graph: Graph, size: int, node_limit: int) -> np.ndarray | None:
    """Return a controller, [O * size, A * size], that only takes best actions; None when none was found.

    Every state is gone through that it may come to, together with its memory. What is undecided there is
    tried, and taken back where two states come to one sight with one memory that no plan can be best for.
    """
    good = best_actions(graph)
    after: list[list[int]] = [[] for _ in range(graph.reward.size)]
    for pair, target in zip(graph.edges.pair.tolist(), graph.edges.target.tolist(), strict=True):
        after[pair].append(target)
    torn = _torn(graph, good, after)
    rules: dict[tuple[int, int], tuple[int, int]] = {}
    agenda = [(int(state), 0) for state in graph.start.nonzero()[0]]
    met = set(agenda)
    choices: list[tuple[int, int, list[tuple[int, int]]]] = []  # place, length of the agenda, what is left
    place = nodes = 0
    while place < len(agenda):
        state, held = agenda[place]
        key = int(graph.seen[state]), held
        rule = rules.get(key)
        if rule is None:
            used = max([0, *(memory for _, memory in rules.values())])
            options = [
                (int(action), memory)
                for action in np.flatnonzero(good[state])
                for memory in range(min(used + 2, size))
            ]
            choices.append((place, len(agenda), options))
        fits = not any(
            each[1] == held and (min(state, each[0]), max(state, each[0])) in torn for each in agenda[:place]
        )
        if rule is None or not fits or not good[state, rule[0]]:
            nodes += 1
            while choices and not choices[-1][2]:
                rules.pop(_key(graph, agenda[choices.pop()[0]]), None)
            if not choices or nodes > node_limit:
                return None
            place, length, options = choices[-1]
            met.difference_update(agenda[length:])
            del agenda[length:]
            rule = options.pop(0)
            state, held = agenda[place]
            rules[_key(graph, (state, held))] = rule
        for target in after[state * graph.num_actions + rule[0]]:
            if (target, rule[1]) not in met:
                met.add((target, rule[1]))
                agenda.append((target, rule[1]))
        place += 1
    policy = np.zeros((len(graph.observations) * size, graph.num_actions * size))
    for seen, held in product(range(len(graph.observations)), range(size)):
        action, memory = rules.get((seen, held), (0, 0))
        policy[seen * size + held, action * size + memory] = 1.0
    return policy


def _torn(graph: Graph, good: NDArray[np.bool_], after: list[list[int]]) -> set[tuple[int, int]]:
    """Return the pairs of states, smaller number first, that look the same but share no best plan."""
    groups: dict[int, list[int]] = {}
    for state, seen in enumerate(graph.seen.tolist()):
        groups.setdefault(seen, []).append(state)
    pairs = [pair for group in groups.values() for pair in combinations(group, 2)]
    if len(pairs) > _PAIRS:
        return set()

    def apart(one: int, other: int, action: int) -> bool:
        return any(
            graph.seen[first] == graph.seen[second] and (min(first, second), max(first, second)) in torn
            for first in after[one * graph.num_actions + action]
            for second in after[other * graph.num_actions + action]
        )

    shared = {pair: np.flatnonzero(good[pair[0]] & good[pair[1]]).tolist() for pair in pairs}
    torn: set[tuple[int, int]] = set()
    while True:
        more = {
            pair
            for pair in pairs
            if pair not in torn and all(apart(*pair, action) for action in shared[pair])
        }
        if not more:
            return torn
        torn |= more


def _key(graph: Graph, each: tuple[int, int]) -> tuple[int, int]:
    return int(graph.seen[each[0]]), each[1]
