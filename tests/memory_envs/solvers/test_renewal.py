"""Where each answer is followed by a new question, no policy without memory gains more than about one."""

import itertools

import numpy as np
import pytest

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.finite.protocol import Outcome
from memory_envs.rules import imaze
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.renewal import least_level, renewal_bound, renewals
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import evaluate
from tests.support.graphs import random_policy
from tests.support.toys import TMaze


class Again(TMaze):
    """A T-maze that begins anew after every choice; a wrong one costs `loss`."""

    def __init__(self, loss=1.0, **settings):
        super().__init__(**settings)
        self.loss = loss

    def step(self, state, action):
        for each in super().step(state, action):
            if not each.terminated:
                yield each
                continue
            reward = each.reward if each.success else -self.loss
            yield from (Outcome(chance, first, reward) for chance, first in self.starts())


def bound(task):
    graph = enumerate_states(task)
    return renewal_bound(graph, [cell for cell, _ in graph.states])


def endless(**settings):
    task = FiniteIMaze(imaze.configure(endless=True, **settings))
    graph = enumerate_states(task)
    return graph, renewal_bound(graph, [task.place(state) for state in graph.states])


def test_the_answers_are_found():
    graph = enumerate_states(Again())
    cells = np.array([cell for cell, _ in graph.states])
    assert (renewals(graph) == ((cells == cells.max())[:, None] & [False, True, True])).all()
    assert not renewals(enumerate_states(TMaze())).any()


def test_bounds_worked_by_hand():
    assert bound(Again()) == pytest.approx(1 + 1)
    # Who answers the likelier cue alone is right 4 times on average; who answers all gains without end.
    assert bound(Again(chances=(0.2, 0.8), loss=4.0)) == pytest.approx(4 + 4)
    assert bound(Again(chances=(0.2, 0.8), loss=1.0)) is None
    assert bound(Again(loss=0.5)) is None
    assert bound(Again(loss=2.0)) == pytest.approx(1 + 2)


def test_there_is_no_bound_where_the_cue_shows_or_something_else_pays():
    assert bound(Again(shown=(0, 3))) is None
    assert bound(TMaze()) is None
    graph = enumerate_states(Again())
    graph.reward[0, 0] = 0.1
    assert renewal_bound(graph, [cell for cell, _ in graph.states]) is None


@pytest.mark.parametrize("seed", range(20))
def test_the_level_is_the_least_that_holds_for_all_ways_to_answer(seed):
    random = np.random.default_rng(seed)
    weights, worth = random.dirichlet(np.ones(4)), random.normal(size=4)
    level = least_level(weights, worth)
    ways = np.array(list(itertools.product([0, 1], repeat=4)))
    earned, last = ways @ (weights * worth), 1 - ways @ weights
    if np.isinf(level):
        assert weights @ worth > 0
        return
    assert (earned <= level * last + 1e-9).all()
    assert level == 0 or (earned > (level - 1e-6) * last + 1e-12).any()


@pytest.mark.parametrize("num_cues, level", [(2, 1.0), (4, 1 / 3)])
def test_an_endless_maze_is_bounded_by_the_answers_to_one_cue_and_a_loss(num_cues, level):
    graph, most = endless(size=9, num_cues=num_cues, max_episode_steps=200)
    assert most == pytest.approx(level + 1)
    found = best_reactive(belief_graph(lumped(graph)), node_limit=60, ceiling=level)
    assert level - 0.01 < found.lower <= level
    for seed, sharpness in itertools.product(range(3), (1.0, 6.0)):
        assert evaluate(graph, random_policy(graph, seed, sharpness)).episode_return <= most


def test_a_penalty_per_step_lowers_no_bound_and_a_twin_that_shows_the_cue_has_none():
    assert endless(size=7, step_penalty=0.25, view_size=1)[1] == pytest.approx(0.75 + 1.25)
    assert endless(size=9, observability="full")[1] is None
