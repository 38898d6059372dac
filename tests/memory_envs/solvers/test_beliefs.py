"""Perfect memory is worth what a search through all histories finds."""

import numpy as np
import pytest

import memory_envs
from memory_envs.finite.protocol import Outcome
from memory_envs.solvers.ascent import best_stochastic
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best, evaluate, uniform
from tests.support.brute_force import best_over_histories
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


@pytest.mark.parametrize("seed", SEEDS)
def test_perfect_memory_is_the_best_over_all_histories(seed):
    env = Drawn(seed, states=4, sights=2, outcomes=1)
    env.horizon = 4
    expected = best_over_histories(env)
    assert best(belief_graph(enumerate_states(env))).episode_return == pytest.approx(expected)


class Tiger:
    """Two doors, a tiger behind one (Kaelbling, Littman & Cassandra, 1998); an opened door shuffles them."""

    num_actions = 3  # listen, open left, open right
    horizon = 3

    def starts(self):
        return [(0.5, ("left", "none")), (0.5, ("right", "none"))]

    def step(self, state, action):
        tiger, _ = state
        if action == 0:
            wrong = "right" if tiger == "left" else "left"
            return [Outcome(0.85, (tiger, tiger), -1.0), Outcome(0.15, (tiger, wrong), -1.0)]
        reward = -100.0 if action == 1 + (tiger == "right") else 10.0
        return [Outcome(0.25, (door, heard), reward) for door in SIDES for heard in SIDES]

    def observe(self, state):
        return state[1]


SIDES = ("left", "right")


def test_beliefs_end_with_the_episode():
    certificate = memory_envs.certify(Tiger())
    # Listen twice; open where both agree, rightly or wrongly, and listen once more where they do not.
    by_hand = -2 + 0.85**2 * 10 - 0.15**2 * 100 - 2 * 0.85 * 0.15
    assert certificate.perfect_memory.episode_return.how == "exact"
    assert certificate.perfect_memory.episode_return.lower == pytest.approx(by_hand)
    assert by_hand == pytest.approx(2.72) == pytest.approx(best_over_histories(Tiger()))


class Dwindling:
    """A state that is almost certainly left: its share of what remains rounds to nothing."""

    num_actions = 1
    horizon = 4

    def __init__(self, chance):
        self.chance = chance

    def starts(self):
        return [(self.chance, "rare"), (1 - self.chance, "common")]

    def step(self, state, action):
        if state == "common":
            return [Outcome(1.0, "common", 1.0)]
        return [Outcome(self.chance, "rare", 0.0), Outcome(1 - self.chance, "shown", 0.0)]

    def observe(self, state):
        return "shown" if state == "shown" else "hidden"


@pytest.mark.parametrize("chance", [1e-15, 1e-8, 1e-200])
def test_states_of_no_weight_leave_a_belief(chance):
    beliefs = belief_graph(enumerate_states(Dwindling(chance)))
    assert best(beliefs).episode_return == pytest.approx(4.0)
    assert all(chance > 0 for belief in beliefs.states for _, chance in belief)


def test_a_task_that_never_comes_back_is_as_large_as_its_time_limit():
    class Counter:
        num_actions, horizon = 1, 5

        def starts(self):
            return [(1.0, 0)]

        def step(self, state, action):
            return [Outcome(1.0, state + 1, 1.0)]

        def observe(self, state):
            return state

    graph = enumerate_states(Counter(), limit=5)
    assert graph.states == (0, 1, 2, 3, 4)
    assert best(graph).episode_return == best(belief_graph(graph, limit=5)).episode_return == 5
