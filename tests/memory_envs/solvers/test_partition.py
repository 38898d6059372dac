"""States that nobody can tell apart are merged, and no value changes."""

import pytest

from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best, evaluate
from tests.support.graphs import maze, random_policy
from tests.support.toys import Drawn


@pytest.mark.parametrize("graph", [maze(), maze(delay=4), maze(9, step_penalty=0.01), *map(enumerate_states, (
    Drawn(1), Drawn(2, states=9)))])  # fmt: skip
def test_merging_states_that_nobody_can_tell_apart_changes_no_value(graph):
    merged = lumped(graph)
    assert best(merged) == pytest.approx(best(graph))
    for seed in range(3):
        policy = random_policy(graph, seed)
        assert evaluate(merged, policy) == pytest.approx(evaluate(graph, policy))


def test_mazes_have_states_that_nobody_can_tell_apart():
    graph = maze(9)
    assert lumped(graph).num_states < graph.num_states
    assert lumped(lumped(graph)).num_states == lumped(graph).num_states
