"""A bound on every policy without memory, stochastic ones included, proved by a bottleneck.

The argument. Let a set of states, the region, be such that

1. every transition that can end an episode well begins in the region, and
2. every way into the region (a transition into it from outside, or a first state in it) leads into one class
   of states that nobody can tell apart before the region is left again: equal observations, and under equal
   actions equal probabilities of the next class, of leaving the region and of the end of the episode
   (`memory_envs.solvers.partition`). What the end is worth may differ.

Take a policy that draws its action by the observation alone. Call a stay in the region a pass, and call each
pair (class, action) at which an episode can end in the region an exit. By 2, the probability p_g that a pass
without time limit ends by exit g is the same for all passes, whatever came before: the policy has no memory,
and all classes lead to equal probabilities. Without time limit an episode that begins in state s makes some
expected number N_s of passes, and ends by exit g with probability N_s p_g; so N_s * sum_g p_g <= 1. Let G_s
be the exits that can mean success in an episode begun in s. Then

    success of s  <=  sum over g in G_s of N_s p_g  <=  (sum over g in G_s of p_g) / (sum over all g of p_g),

and the mean over the starts, linear in the weights p_g / sum p_g, is at most its largest value at a single
exit: max over g of P(a start has g in G_s). The time limit can only take successes away. (When no p_g is
above 0, nobody ever succeeds.)

In I-Maze the region is what lies below a pose of the stem. Below it the two cues look the same and only what
the goals are worth differs, so that each exit means success for one cue: no policy without memory succeeds in
more than half of the episodes.

Nothing is taken on trust: 1, 2 and the sets G_s are computed from all reachable states and transitions.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Graph, Integers, tally
from memory_envs.solvers.partition import refined

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Bottleneck:
    """A place that every success passes, and behind which the question cannot be seen.

    Attributes:
        place: Its name.
        success: No policy without memory, deterministic or stochastic, succeeds more often.
        region: Number of states behind it.
    """

    place: Hashable
    success: float
    region: int


def bottleneck(graph: Graph, places: Iterable[Hashable]) -> Bottleneck | None:
    """Return the bottleneck with the lowest bound, the largest region among equals, or None without any.

    Nor is there one where no episode can end well.

    Args:
        graph: S states.
        places: S names; states of one name are tried together as the way into a region.
    """
    if not graph.success.any():
        return None
    found = []
    for place, gate in gates(places):
        region = behind(graph, gate)
        success = None if region is None else success_bound(graph, region)
        if region is not None and success is not None:
            found.append(Bottleneck(place, success, int(region.sum())))
    return min(found, key=lambda each: (each.success, -each.region), default=None)


def gates(places: Iterable[Hashable]) -> Iterator[tuple[Hashable, Mask]]:
    """Yield each name once, with the states, bool [S], that have it."""
    numbers: dict[Hashable, int] = {}
    where = np.array([numbers.setdefault(place, len(numbers)) for place in places])
    for place, number in numbers.items():
        yield place, where == number


def success_bound(graph: Graph, region: Mask) -> float | None:
    """Return the bound of the argument above for a region, bool [S]; None when a premise does not hold."""
    exits = exits_of(graph, region)
    if exits is None:
        return None
    meaning = np.zeros(int(exits.max(initial=-1)) + 1)
    for start in graph.start.nonzero()[0]:
        reached = reachable(graph, np.arange(graph.num_states) == start)
        lucky = (graph.success > 0) & reached[:, None]
        meaning[np.unique(exits[lucky])] += graph.start[start]
    return float(meaning.max(initial=0.0))


def exits_of(graph: Graph, region: Mask) -> Integers | None:
    """Return the number of the exit that each action is, int64 [S, A], -1 where it ends no episode.

    None when a premise of the argument does not hold for the region, bool [S].
    """
    if (graph.success.any(axis=1) & ~region).any():
        return None
    classes = refined(graph, graph.seen, region)
    if len(set(classes[_ways_in(graph, region)].tolist())) != 1:
        return None
    ends = (_ending(graph) > 0) & region[:, None]
    return np.where(ends, classes[:, None] * graph.num_actions + np.arange(graph.num_actions), -1)


def return_bound(graph: Graph, success: float) -> float | None:
    """Return the highest return of anyone who succeeds with this probability at most.

    None when something but success is rewarded; otherwise no policy earns more than the largest reward of a
    success, times the probability of one.
    """
    lucky = graph.success > 0
    if (graph.reward[~lucky] > 0).any() or not lucky.any():
        return None
    return max(0.0, float((graph.reward[lucky] / graph.success[lucky]).max())) * success


def reachable(graph: Graph, first: Mask, through: Mask | None = None) -> Mask:
    """Return which states can be reached from `first`, bool [S], without leaving `through`."""
    allowed = np.ones(graph.num_states, dtype=np.bool_) if through is None else through
    source = graph.edges.pair // graph.num_actions
    reached = first & allowed
    while True:
        following = reached.copy()
        following[graph.edges.target[reached[source]]] = True
        following &= allowed
        if np.array_equal(following, reached):
            return reached
        reached = following


def behind(graph: Graph, gate: Mask) -> Mask | None:
    """Return what can be reached through the gate only, or None when success can be had without it."""
    before = reachable(graph, graph.start > 0, ~gate)
    return None if graph.success[before].any() else ~before


def _ways_in(graph: Graph, region: Mask) -> Integers:
    source, target = graph.edges.pair // graph.num_actions, graph.edges.target
    crossing = target[~region[source] & region[target]]
    return np.concatenate([crossing, np.flatnonzero((graph.start > 0) & region)])


def _ending(graph: Graph) -> NDArray[np.float64]:
    """Return the probability, [S, A], that an action ends the episode, cleaned of rounding.

    It is at least that of success, which is given and not computed, and may be tiny.
    """
    goes_on = tally(graph.edges.pair, graph.edges.probability, graph.reward.size)
    ending = 1 - goes_on.reshape(graph.reward.shape)
    return np.maximum(np.where(np.abs(ending) < 1e-9, 0.0, ending), graph.success)
