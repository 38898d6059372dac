"""A bottleneck bounds every policy without memory, and is found only where there is one."""

import numpy as np
import pytest

from memory_envs.finite.protocol import Outcome
from memory_envs.solvers.bottleneck import bottleneck, return_bound, success_bound
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import evaluate
from tests.support.graphs import maze, random_policy
from tests.support.toys import TMaze


def test_a_bottleneck_bounds_the_success_of_the_t_maze_by_its_likelier_cue():
    for chances, expected in (((0.5, 0.5), 0.5), ((0.2, 0.8), 0.8)):
        graph = enumerate_states(TMaze(chances=chances))
        found = bottleneck(graph, [cell for cell, _ in graph.states])
        assert found.place == 1 and found.success == pytest.approx(expected)
        assert return_bound(graph, found.success) == pytest.approx(expected)


@pytest.mark.parametrize("shown", [(0, 2), (0, 3), (3,)])
def test_there_is_no_bottleneck_in_front_of_a_place_that_shows_the_cue(shown):
    graph = enumerate_states(TMaze(shown=shown))
    found = bottleneck(graph, [cell for cell, _ in graph.states])
    if 3 in shown:
        assert found is None
    else:
        assert found.place == 3


def test_a_region_that_can_be_done_without_proves_nothing():
    graph = enumerate_states(TMaze())
    cells = np.array([cell for cell, _ in graph.states])
    assert success_bound(graph, cells >= 1) == pytest.approx(0.5)
    assert success_bound(graph, cells == 1) is None


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("sharpness", [0.5, 3.0, 10.0])
def test_no_stochastic_policy_breaks_the_bound_of_the_maze(seed, sharpness):
    graph = lumped(maze())
    assert evaluate(graph, random_policy(graph, seed, sharpness)).success <= 0.5 + 1e-12


def test_rewards_besides_success_leave_the_return_unbounded():
    graph = enumerate_states(TMaze())
    graph.reward[0, 0] = 0.1
    assert return_bound(graph, 0.5) is None


def test_where_nothing_can_end_well_there_is_no_bottleneck():
    class Pointless(TMaze):
        def step(self, state, action):
            return [each._replace(success=False) for each in super().step(state, action)]

    graph = enumerate_states(Pointless())
    assert bottleneck(graph, [cell for cell, _ in graph.states]) is None


def test_an_exit_counts_however_rarely_it_is_taken():
    class Stuck(TMaze):
        """A door at the junction opens once in 10^12 times."""

        def step(self, state, action):
            for each in super().step(state, action):
                yield each._replace(probability=1e-12) if each.terminated else each
                if each.terminated:
                    yield Outcome(1 - 1e-12, state, 0.0)

    graph = enumerate_states(Stuck(chances=(0.3, 0.7)))
    found = bottleneck(graph, [cell for cell, _ in graph.states])
    assert found.place == 1 and found.success == pytest.approx(0.7)
