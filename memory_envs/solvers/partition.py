"""Which states nobody could tell apart: partitions that no observation and no action refines any further."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Edges, Graph, Integers, tally

_DIGITS = 12


def refined(graph: Graph, classes: Integers, inside: NDArray[np.bool_]) -> Integers:
    """Return the coarsest refinement of `classes` under which equal states stay equal whatever is done.

    Args:
        graph: S states.
        classes: int64 [S]; states of different classes are told apart from the beginning.
        inside: bool [S], the region looked at. All other states count as one, as does the end of an episode.

    Returns:
        int64 [S], a class at least 0 for every state inside, -1 for those outside. States share one when
        every action leads, with equal probabilities, to the same classes; outcomes that lead to one class by
        several transitions are compared one by one, which may separate more than needed and never less.
    """
    pair, probability, target = graph.edges
    _, chances = np.unique(np.round(probability, _DIGITS), return_inverse=True)
    slot, slots = _slots(pair)
    labels = np.where(inside, classes, -1)
    count = -1
    while True:
        order = np.lexsort((chances, labels[target], pair))
        rows = np.full((graph.reward.size, slots, 2), -2)
        rows[pair[order], slot] = np.stack([labels[target[order]], chances[order]], axis=1)
        rows = np.column_stack([labels, rows.reshape(graph.num_states, -1)])[inside]
        found, inverse = np.unique(rows, axis=0, return_inverse=True)
        labels[inside] = inverse.reshape(-1)
        if len(found) == count:
            return labels
        count = len(found)


def lumped(graph: Graph) -> Graph:
    """Return the graph with states merged that agree in all observations and rewards, now and for ever.

    Every value of every policy that acts on observations, and of the optimum, stays exactly the same.
    """
    keys = np.column_stack([graph.seen, np.round(graph.reward, _DIGITS), np.round(graph.success, _DIGITS)])
    _, classes = np.unique(keys, axis=0, return_inverse=True)
    labels = refined(graph, classes.reshape(-1).astype(np.int64), np.ones(graph.num_states, dtype=np.bool_))
    _, chosen = np.unique(labels, return_index=True)
    return replace(
        graph,
        states=tuple(graph.states[number] for number in chosen),
        start=tally(labels, graph.start, len(chosen)),
        seen=graph.seen[chosen],
        reward=graph.reward[chosen],
        success=graph.success[chosen],
        edges=_merged(graph, labels, chosen),
    )


def _merged(graph: Graph, labels: Integers, chosen: Integers) -> Edges:
    actions = graph.num_actions
    renamed = np.full(graph.num_states, -1)
    renamed[chosen] = np.arange(len(chosen))
    pair, probability, target = graph.edges
    kept = renamed[pair // actions] >= 0
    pairs = renamed[pair[kept] // actions] * actions + pair[kept] % actions
    keys, inverse = np.unique(np.stack([pairs, labels[target[kept]]]), axis=1, return_inverse=True)
    return Edges(keys[0], tally(inverse.reshape(-1), probability[kept], keys.shape[1]), keys[1])


def _slots(pair: Integers) -> tuple[Integers, int]:
    """Return the position of each transition among those of its pair, and how many a pair has at most."""
    if not len(pair):
        return pair, 1
    begin = np.searchsorted(pair, pair)
    slot = np.arange(len(pair)) - begin
    return slot, int(slot.max()) + 1
