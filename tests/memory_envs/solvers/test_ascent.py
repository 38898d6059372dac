"""Stochastic policies climb as far as they can, by the true gradient."""

import numpy as np
import pytest

from memory_envs.solvers.ascent import best_stochastic, gradient
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import evaluate
from tests.support.graphs import maze, random_policy
from tests.support.toys import Alias, Drawn, TMaze


def test_where_rooms_look_alike_a_coin_beats_every_fixed_choice():
    graph = enumerate_states(Alias())
    assert best_reactive(graph).lower == pytest.approx(0.5)
    climbed = best_stochastic(graph, restarts=2)
    assert climbed.value == pytest.approx(1 - 0.5**3, abs=1e-6)
    assert climbed.policy == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-3)


@pytest.mark.parametrize("env", [Drawn(5), TMaze(horizon=8), Alias()])
def test_the_gradient_is_that_of_the_value(env):
    graph = enumerate_states(env)
    policy, width = random_policy(graph, 2), 1e-5
    slope = gradient(graph, policy)
    for index in np.ndindex(policy.shape):
        nudge = np.zeros_like(policy)
        nudge[index] = width
        above, below = (evaluate(graph, policy + sign * nudge).episode_return for sign in (1, -1))
        assert slope[index] == pytest.approx((above - below) / (2 * width), abs=1e-5)


def test_gradient_ascent_climbs_to_the_bound_of_the_maze_and_not_above():
    graph = lumped(maze()).scoring_success()
    value = best_stochastic(graph, restarts=1, iterations=120).value
    assert 0.49 < value <= 0.5 + 1e-9
