"""Exact values: against numbers worked out by hand, and episodes played."""

import numpy as np
import pytest

from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.values import (
    best,
    best_actions,
    best_choices,
    best_policies,
    best_policy,
    evaluate,
    uniform,
)
from tests.support.graphs import random_policy
from tests.support.toys import Drawn, Slide, TMaze, played


def test_the_slide_is_worth_what_it_is_by_hand():
    graph = enumerate_states(Slide())
    assert best(graph) == pytest.approx((1.5, 0.75, 1.5))
    # At random: success 1/4, then 1/4 of the 3/4 that are left.
    assert evaluate(graph, uniform(graph)) == pytest.approx((2 * 7 / 16, 7 / 16, 1.75))


@pytest.mark.parametrize("env", [Drawn(3), TMaze(chances=(0.2, 0.8)), Slide()])
def test_exact_values_agree_with_episodes_that_were_played(env):
    graph = enumerate_states(env)
    policy = random_policy(graph, 0)
    by_sight = dict(zip(graph.observations, policy, strict=True))
    assert played(env, by_sight, 4000, 1) == pytest.approx(evaluate(graph, policy), abs=0.15)


def test_the_first_actions_of_the_best_policy_lead_down_the_t_maze():
    graph = enumerate_states(TMaze())
    value, policy = best_policy(graph)
    assert value.steps == 4
    for number in graph.start.nonzero()[0]:
        assert policy[0, number] == 0


@pytest.mark.parametrize("env", [Drawn(3), TMaze(chances=(0.2, 0.8)), Slide()])
def test_all_actions_of_best_policies_and_no_others_are_worth_as_much(env):
    graph = enumerate_states(env)
    good, values = best_policies(graph), np.zeros((3, graph.num_states))
    assert (good[0] == best_actions(graph)).all()
    assert (good.argmax(axis=2) == best_policy(graph)[1]).all()
    for now in reversed(range(graph.horizon)):
        best_values, _ = best_choices(graph, values)
        for action in range(graph.num_actions):
            alone = np.zeros_like(good[now])
            alone[:, action] = True
            worth, _ = best_choices(graph, values, allowed=alone)
            same = np.isclose(worth[[0, 2]], best_values[[0, 2]], rtol=0, atol=1e-9).all(axis=0)
            assert (same == good[now, :, action]).all()
        values = best_values
