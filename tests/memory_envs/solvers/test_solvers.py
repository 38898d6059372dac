"""Exact values: against numbers worked out by hand, all policies tried one by one, and episodes played."""

from collections import Counter

import numpy as np
import pytest

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.finite.protocol import Outcome
from memory_envs.rules import imaze
from memory_envs.solvers.ascent import best_stochastic, gradient
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.bottleneck import bottleneck, return_bound, success_bound
from memory_envs.solvers.graph import NotFinite, TooLarge, enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best, best_policy, evaluate, uniform
from tests.support.toys import Alias, Drawn, NamedTMaze, Slide, TMaze, every_policy, played

SEEDS = range(12)


def maze(size=7, **settings):
    return enumerate_states(FiniteIMaze(imaze.configure(size=size, **settings)))


def random_policy(graph, seed, sharpness=1.0):
    logits = np.random.default_rng(seed).normal(size=(len(graph.observations), graph.num_actions))
    powers = np.exp(sharpness * logits)
    return powers / powers.sum(axis=1, keepdims=True)


def test_the_slide_is_worth_what_it_is_by_hand():
    graph = enumerate_states(Slide())
    assert best(graph) == pytest.approx((1.5, 0.75, 1.5))
    # At random: success 1/4, then 1/4 of the 3/4 that are left.
    assert evaluate(graph, uniform(graph)) == pytest.approx((2 * 7 / 16, 7 / 16, 1.75))


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


def test_where_rooms_look_alike_a_coin_beats_every_fixed_choice():
    graph = enumerate_states(Alias())
    assert best_reactive(graph).lower == pytest.approx(0.5)
    climbed = best_stochastic(graph, restarts=2)
    assert climbed.value == pytest.approx(1 - 0.5**3, abs=1e-6)
    assert climbed.policy == pytest.approx(np.array([[0.5, 0.5]]), abs=1e-3)


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
def test_a_search_that_was_cut_short_answers_with_an_interval_around_the_truth(seed):
    graph = enumerate_states(Drawn(seed, states=9, sights=6))
    expected = max(evaluate(graph, policy).episode_return for policy in every_policy(graph))
    found = best_reactive(graph, node_limit=2)
    assert found.lower - 1e-9 <= expected <= found.upper + 1e-9
    actions = np.eye(graph.num_actions)[found.actions]
    assert evaluate(graph, actions).episode_return == pytest.approx(found.lower)


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


@pytest.mark.parametrize("env", [Drawn(3), TMaze(chances=(0.2, 0.8)), Slide()])
def test_exact_values_agree_with_episodes_that_were_played(env):
    graph = enumerate_states(env)
    policy = random_policy(graph, 0)
    by_sight = dict(zip(graph.observations, policy, strict=True))
    assert played(env, by_sight, 4000, 1) == pytest.approx(evaluate(graph, policy), abs=0.15)


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


def test_the_first_actions_of_the_best_policy_lead_down_the_t_maze():
    graph = enumerate_states(TMaze())
    value, policy = best_policy(graph)
    assert value.steps == 4
    for number in graph.start.nonzero()[0]:
        assert policy[0, number] == 0


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


def test_gradient_ascent_climbs_to_the_bound_of_the_maze_and_not_above():
    graph = lumped(maze()).scoring_success()
    value = best_stochastic(graph, restarts=1, iterations=120).value
    assert 0.49 < value <= 0.5 + 1e-9


def test_rewards_besides_success_leave_the_return_unbounded():
    graph = enumerate_states(TMaze())
    graph.reward[0, 0] = 0.1
    assert return_bound(graph, 0.5) is None


def test_an_environment_that_breaks_the_protocol_is_refused():
    class Broken(Slide):
        def step(self, state, action):
            return [Outcome(0.5, "top", 0.0)]

    class Endless(Slide):
        def step(self, state, action):
            return [Outcome(1.0, "top", 0.0, success=True)]

    class Nowhere(Slide):
        def starts(self):
            return []

    refusals = {Broken: "action 0 in state 'top'", Endless: "without ending", Nowhere: "the starts"}
    for kind, message in refusals.items():
        with pytest.raises(NotFinite, match=message):
            enumerate_states(kind())


def test_limits_are_kept():
    with pytest.raises(TooLarge, match="more than 3"):
        enumerate_states(NamedTMaze(), limit=3)
    with pytest.raises(TooLarge, match="more than 10"):
        belief_graph(enumerate_states(Drawn(2, states=9)), limit=10)


def test_where_nothing_can_end_well_there_is_no_bottleneck():
    class Pointless(TMaze):
        def step(self, state, action):
            return [each._replace(success=False) for each in super().step(state, action)]

    graph = enumerate_states(Pointless())
    assert bottleneck(graph, [cell for cell, _ in graph.states]) is None
