"""Perfect memory is worth what a search through all histories finds."""

from collections import Counter

import numpy as np
import pytest

from memory_envs.solvers.ascent import best_stochastic
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best, evaluate, uniform
from tests.support.graphs import SEEDS
from tests.support.toys import Alias, Drawn, TMaze


def test_a_t_maze_is_worth_one_half_without_memory_and_one_with_it():
    graph = enumerate_states(TMaze())
    beliefs = belief_graph(graph)
    assert best(graph) == pytest.approx((1, 1, 4))
    assert best(beliefs) == pytest.approx((1, 1, 4))
    found = best_reactive(beliefs)
    assert found.exact and found.lower == pytest.approx(0.5)
    found = best_reactive(beliefs.scoring_success())
    assert found.exact and found.lower == pytest.approx(0.5)


def test_perfect_memory_pays_for_what_it_has_to_find_out():
    graph = enumerate_states(Alias())
    assert best(graph) == pytest.approx((1, 1, 1))
    assert best(belief_graph(graph)) == pytest.approx((1, 1, 1.5))


@pytest.mark.parametrize("seed", SEEDS)
def test_knowing_more_is_never_worth_less(seed):
    graph = enumerate_states(Drawn(seed, outcomes=1))
    values = [
        evaluate(graph, uniform(graph)).episode_return,
        best_stochastic(graph, restarts=1, near=np.eye(2)[best_reactive(graph).actions]).value,
        best(belief_graph(graph)).episode_return,
        best(graph).episode_return,
    ]
    assert all(low <= high + 1e-9 for low, high in zip(values, values[1:], strict=False))


def by_histories(env, mass, left):
    """The best return from weighted states that share a history, found by trying every continuation."""
    if left == 0:
        return 0.0
    worth = []
    for action in range(env.num_actions):
        total, following = 0.0, {}
        for state, weight in mass.items():
            for outcome in env.step(state, action):
                total += weight * outcome.probability * outcome.reward
                if not outcome.terminated:
                    group = following.setdefault(env.observe(outcome.state), Counter())
                    group[outcome.state] += weight * outcome.probability
        worth.append(total + sum(by_histories(env, group, left - 1) for group in following.values()))
    return max(worth)


@pytest.mark.parametrize("seed", SEEDS)
def test_perfect_memory_is_the_best_over_all_histories(seed):
    env = Drawn(seed, states=4, sights=2, outcomes=1)
    env.horizon = 4
    groups = {}
    for chance, state in env.starts():
        groups.setdefault(env.observe(state), Counter())[state] += chance
    expected = sum(by_histories(env, group, env.horizon) for group in groups.values())
    assert best(belief_graph(enumerate_states(env))).episode_return == pytest.approx(expected)
