"""A bound on every policy without memory where an answer is followed by a new question: by its last one.

The task. Certain actions, the answers, lead to the distribution from which episodes begin, whatever came
before: with them a corridor ends and the next one begins. Nothing but answers has a reward above 0, and all
answers are given in a region behind a bottleneck, as in `memory_envs.solvers.bottleneck`: what is done there
by a policy without memory does not depend on the start s, but what an answer is worth does.

The argument. Take a policy that draws its action by the observation alone and, to begin with, let there be no
time limit. Corridors are then independent of one another and alike. By the argument of the bottleneck, one
that begins in s (with probability w_s) is answered with some probability q_s, and if it is, then by exit g
with a probability pi_g that does not depend on s. Let r_s(g) be what that is worth at most. A corridor earns

    sum over s of w_s q_s sum over g of pi_g r_s(g)

and is the last one, for want of an answer, with probability 1 - sum over s of w_s q_s. Who gains by answering
must leave bad questions unanswered, and can do so once. Let L be at least 0 and such that for every exit g

    sum over s of w_s max(0, r_s(g) + L)  <=  L.

Then, whatever the q_s and pi_g are, a corridor earns at most L times the probability that it is the last one,
and all that are entered before some step earn at most L: no more than one of them is the last.

A time limit cuts the corridor that is under way. What that would have earned is left out, and may have been
a loss, of one answer at most: all in all no policy without memory earns more than L and the largest loss of
an answer. Rewards below 0 between answers only lower this.

In an endless I-Maze with n cues, r is 1 at the goal of the cue and -1 at the others, L is 1 / (n - 1): who
answers one cue alone, and waits for ever where it sees another, gives that many right answers on average.

Nothing is taken on trust: the answers, the region, q's independence and r are computed from all states.
"""

from collections.abc import Hashable, Iterable
from dataclasses import replace

import numpy as np

from memory_envs.solvers.bottleneck import Mask, behind, exits_of, gates, reachable
from memory_envs.solvers.graph import Edges, Floats, Graph, tally

_ROUNDING = 1e-9


def renewal_bound(graph: Graph, places: Iterable[Hashable]) -> float | None:
    """Return the highest return of a policy without memory, or None where the argument does not hold.

    Args:
        graph: S states.
        places: S names; states of one name are tried together as the way into the region.
    """
    answers = renewals(graph)
    if (graph.reward > 0)[~answers].any() or not (graph.reward > 0).any():
        return None
    corridor = _one_corridor(graph, answers)
    bounds = [_bound(corridor, graph.reward, answers, gate) for _, gate in gates(places)]
    return min((each for each in bounds if each is not None), default=None)


def renewals(graph: Graph) -> Mask:
    """Return which actions, bool [S, A], lead to where episodes begin, with the probabilities of that."""
    pair, probability, target = graph.edges
    goes_on = tally(pair, probability, graph.reward.size)
    apart = tally(pair, np.abs(probability - graph.start[target]), graph.reward.size)
    covered = tally(pair, graph.start[target], graph.reward.size)
    same = (np.abs(goes_on - 1) < _ROUNDING) & (apart < _ROUNDING) & (covered > 1 - _ROUNDING)
    return same.reshape(graph.reward.shape)


def least_level(weights: Floats, worth: Floats) -> float:
    """Return the smallest L of the argument for one exit, infinite where answering always would pay.

    Args:
        weights: float64 [N], the probability of each start.
        worth: float64 [N], what the exit is worth in a corridor that begins there.
    """
    order = np.argsort(-worth)
    earned, answered = np.cumsum((weights * worth)[order]), np.cumsum(weights[order])
    if earned[-1] > _ROUNDING:
        return np.inf
    # The most is earned by whoever answers after the starts that are worth most, and after no other.
    some = answered < 1 - _ROUNDING
    return float(max(0.0, (earned[some] / (1 - answered[some])).max(initial=0.0)))


def _one_corridor(graph: Graph, answers: Mask) -> Graph:
    """Return the task that ends with the first answer, which counts as a success."""
    pair, probability, target = graph.edges
    kept = ~answers.ravel()[pair]
    edges = Edges(pair[kept], probability[kept], target[kept])
    return replace(graph, success=answers.astype(np.float64), edges=edges)


def _bound(corridor: Graph, reward: Floats, answers: Mask, gate: Mask) -> float | None:
    region = behind(corridor, gate)
    exits = None if region is None else exits_of(corridor, region)
    if exits is None:
        return None
    starts = corridor.start.nonzero()[0]
    worth = np.full((int(exits.max(initial=-1)) + 1, len(starts)), -np.inf)
    loss = float(max(0.0, -reward[answers].min()))
    for column, start in enumerate(starts):
        reached = reachable(corridor, np.arange(corridor.num_states) == start)
        given = answers & reached[:, None]
        np.maximum.at(worth[:, column], exits[given], reward[given])
    # An exit that a start never comes to is worth nothing there, or less.
    rows = np.where(np.isneginf(worth), 0.0, worth)[~np.isneginf(worth).all(axis=1)]
    levels = [least_level(corridor.start[starts], row) for row in rows]
    highest = max(levels, default=0.0)
    return None if np.isinf(highest) else highest + loss
