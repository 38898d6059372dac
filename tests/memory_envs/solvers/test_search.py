"""The search for deterministic policies: against all of them, tried one by one."""

import numpy as np
import pytest

from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import evaluate
from tests.support.graphs import SEEDS
from tests.support.toys import Drawn, every_policy


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("outcomes", [1, 2])
def test_the_search_finds_the_best_of_all_deterministic_policies(seed, outcomes):
    graph = enumerate_states(Drawn(seed, outcomes=outcomes))
    expected = max(evaluate(graph, policy).episode_return for policy in every_policy(graph))
    on_states = best_reactive(graph)
    assert on_states.exact and on_states.lower == pytest.approx(expected)
    if outcomes == 1:
        on_beliefs = best_reactive(belief_graph(graph))
        assert on_beliefs.exact and on_beliefs.lower == pytest.approx(expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_that_knows_the_best_value_stops_where_it_finds_it(seed):
    graph = enumerate_states(Drawn(seed, states=9, sights=6))
    whole = best_reactive(graph)
    told = best_reactive(graph, ceiling=whole.lower)
    assert told.exact and told.lower == whole.lower and told.nodes <= whole.nodes
    low = best_reactive(graph, node_limit=1, ceiling=whole.lower)
    assert low.lower <= whole.lower <= low.upper + 1e-9


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_that_was_cut_short_answers_with_an_interval_around_the_truth(seed):
    graph = enumerate_states(Drawn(seed, states=9, sights=6))
    expected = max(evaluate(graph, policy).episode_return for policy in every_policy(graph))
    found = best_reactive(graph, node_limit=2)
    assert found.lower - 1e-9 <= expected <= found.upper + 1e-9
    actions = np.eye(graph.num_actions)[found.actions]
    assert evaluate(graph, actions).episode_return == pytest.approx(found.lower)
