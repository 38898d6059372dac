"""The best deterministic policy without memory, by branch and bound."""

import heapq
from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Floats, Graph, Integers
from memory_envs.solvers.values import TIE, evaluate

NODE_LIMIT = 2_000
"""Partial policies that are looked at before the search ends with an interval."""

_CLOSE = 1e-9


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What a search found.

    Attributes:
        actions: int64 [O], the best policy found: the action for each observation.
        lower: Its expected return, exactly.
        upper: No deterministic policy without memory has a higher expected return.
        nodes: Partial policies that were looked at.
    """

    actions: Integers
    lower: float
    upper: float
    nodes: int

    @property
    def exact(self) -> bool:
        """Whether nothing is better than what was found."""
        return self.upper <= self.lower + _CLOSE


@dataclass(frozen=True, eq=False)
class _Plan:
    """The best that can be done under a partial policy with full sight: its value, and how often it acts."""

    value: float
    visits: Floats
    """[O, A], expected times each action is taken at each observation."""


def best_reactive(graph: Graph, node_limit: int = NODE_LIMIT, ceiling: float = np.inf) -> SearchResult:
    """Search the policies that are a function from observations to actions for the highest expected return.

    A node fixes the actions at some observations. Its bound lets the agent see the state and the clock
    everywhere else. Where that agent wants different actions at one observation, a policy without memory must
    choose: this is the observation to branch on. Where it never does, it is a policy without memory itself.
    On a graph of beliefs the bound is tighter and equally sound, for who remembers may always forget.

    Args:
        graph: The task, or its graph of beliefs.
        node_limit: Nodes after which the search stops; the result then is an interval.
        ceiling: No policy is worth more, as far as is known from elsewhere: one that is worth as much ends
            the search.
    """
    free = _different_actions(graph)
    plan = _plan(graph, free)
    found = _Incumbent(graph)
    found.offer(_rounded(plan, free))
    nodes = 1
    queue = [(-plan.value, nodes, free, plan)]
    while queue and min(-queue[0][0], ceiling) > found.value + _CLOSE and nodes < node_limit:
        _, _, allowed, plan = heapq.heappop(queue)
        split = _most_torn(plan)
        if split is None:  # the plan is a policy without memory, and has been offered
            continue
        for action in np.flatnonzero(allowed[split]):
            child = allowed.copy()
            child[split] = np.arange(graph.num_actions) == action
            following = _plan(graph, child)
            found.offer(_rounded(following, child))
            nodes += 1
            heapq.heappush(queue, (-following.value, nodes, child, following))
    open_bound = min(-queue[0][0], ceiling) if queue else found.value
    return SearchResult(found.actions, found.value, max(open_bound, found.value), nodes)


class _Incumbent:
    """The best policy met so far."""

    def __init__(self, graph: Graph) -> None:
        self.value = -np.inf
        self.actions = np.zeros(len(graph.observations), dtype=np.int64)
        self._graph = graph
        self._known: set[bytes] = set()

    def offer(self, actions: Integers) -> None:
        if actions.tobytes() in self._known:
            return
        self._known.add(actions.tobytes())
        value = evaluate(self._graph, np.eye(self._graph.num_actions)[actions]).episode_return
        if value > self.value:
            self.value, self.actions = value, actions


def _plan(graph: Graph, allowed: NDArray[np.bool_]) -> _Plan:
    """Dynamic programming with full sight, where the actions at some observations are fixed.

    Among equally good actions it stays with the one chosen when less time was left, so that the plan asks for
    different actions at one observation only where it gains by it.
    """
    penalty = np.where(allowed[graph.seen], 0.0, -np.inf)
    everywhere = np.arange(graph.num_states)
    values, chosen, policy = np.zeros(graph.num_states), penalty.argmax(axis=1), []
    for _ in range(graph.horizon):
        worth = graph.reward + graph.expected(values) + penalty
        better = worth.max(axis=1) > worth[everywhere, chosen] + TIE
        chosen = np.where(better, worth.argmax(axis=1), chosen)
        updated = worth[everywhere, chosen]
        policy.append(chosen)
        if np.array_equal(updated, values) and not better.any() and len(policy) > 1:
            break
        values = updated
    return _Plan(float(graph.start @ values), _visits(graph, policy))


def _visits(graph: Graph, policy: list[Integers]) -> Floats:
    """Follow a plan, given for 1, 2, ... steps to go, its last entry standing for all longer times."""
    everywhere = np.arange(graph.num_states)
    alive, visits = graph.start, np.zeros(graph.reward.shape)
    for left in range(graph.horizon, 0, -1):
        mass = np.zeros(graph.reward.shape)
        mass[everywhere, policy[min(left, len(policy)) - 1]] = alive
        visits += mass
        following = graph.flow(mass)
        if not following.any():
            break
        alive = following
    totals = np.zeros((len(graph.observations), graph.num_actions))
    np.add.at(totals, graph.seen, visits)
    return totals


def _different_actions(graph: Graph) -> NDArray[np.bool_]:
    """Return which actions differ, bool [O, A].

    An action is left out where it does, in all states of an observation, what a lower-numbered one does.
    """
    effects: list[list[tuple[float, ...]]] = [[] for _ in range(graph.reward.size)]
    for pair, *following in zip(*(column.tolist() for column in graph.edges), strict=True):
        effects[pair].append(tuple(following))
    gains = zip(graph.reward.ravel().tolist(), graph.success.ravel().tolist(), strict=True)
    numbers: dict[Hashable, int] = {}
    whole = [(gain, tuple(sorted(effect))) for gain, effect in zip(gains, effects, strict=True)]
    effect_of = np.array([numbers.setdefault(each, len(numbers)) for each in whole])
    effect_of = effect_of.reshape(graph.reward.shape)
    different = np.ones((len(graph.observations), graph.num_actions), dtype=np.bool_)
    for seen in range(len(graph.observations)):
        _, first = np.unique(effect_of[graph.seen == seen], axis=1, return_index=True)
        different[seen] = np.isin(np.arange(graph.num_actions), first)
    return different


def _most_torn(plan: _Plan) -> int | None:
    """Return the observation at which the plan's second most frequent action is the most frequent."""
    second = np.sort(plan.visits, axis=1)[:, -2] if plan.visits.shape[1] > 1 else np.zeros(1)
    return int(second.argmax()) if second.max() > TIE else None


def _rounded(plan: _Plan, allowed: NDArray[np.bool_]) -> Integers:
    """Return the policy that takes the plan's most frequent action at each observation."""
    return np.where(allowed, plan.visits, -1.0).argmax(axis=1).astype(np.int64)
