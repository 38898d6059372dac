"""The memory that a task asks for is what trying every controller finds."""

from itertools import product

import numpy as np
import pytest

from memory_envs.certificate import minimal_memory
from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.finite.protocol import Outcome
from memory_envs.rules import imaze
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.controllers import MemoryStates, fewest_memory, with_memory
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best, evaluate, uniform
from tests.support.brute_force import RandomPOMDP
from tests.support.toys import Alias, Slide, TMaze


def played_out(env, rules):
    """The exact return of a controller, from (sight, memory) to (action, memory)."""
    mass, total = {(state, 0): chance for chance, state in env.starts()}, 0.0
    for _ in range(env.horizon):
        following = {}
        for (state, held), weight in mass.items():
            action, memory = rules[env.observe(state), held]
            for chance, after, reward, terminated, _ in env.step(state, action):
                total += weight * chance * reward
                if not terminated:
                    following[after, memory] = following.get((after, memory), 0.0) + weight * chance
        mass = following
    return total


def best_of_all(env, size):
    """The best return of any controller of a size, by playing out every one."""
    places = list(product(sorted({env.observe(state) for state in range(env.num_states)}), range(size)))
    choices = list(product(range(env.num_actions), range(size)))
    controllers = product(choices, repeat=len(places))
    return max(played_out(env, dict(zip(places, each, strict=True))) for each in controllers)


@pytest.mark.parametrize("seed", range(20))
def test_the_best_controllers_are_those_of_brute_force(seed):
    env = RandomPOMDP(seed)
    beliefs = belief_graph(enumerate_states(env))
    values = [best_of_all(env, size) for size in (1, 2)]
    for size, value in zip((1, 2), values, strict=True):
        found = best_reactive(with_memory(beliefs, size), node_limit=20_000)
        assert found.lower == pytest.approx(value, abs=1e-9) and found.exact
    if values[1] > values[0] + 1e-6:
        between = (values[0] + values[1]) / 2
        needed = fewest_memory(beliefs, between, node_limit=20_000)
        assert (needed.least, needed.enough) == (2, 2) and needed.value >= between
        assert minimal_memory(env, target=between, metric="return").enough == 2
    one = fewest_memory(beliefs, values[0], node_limit=20_000)
    assert (one.least, one.enough) == (1, 1)


def test_memory_that_is_not_used_changes_nothing():
    graph = enumerate_states(TMaze())
    assert best(with_memory(graph, 3)) == pytest.approx(best(graph))
    assert evaluate(with_memory(graph, 3), uniform(with_memory(graph, 3))) == pytest.approx(
        evaluate(graph, uniform(graph))
    )


class Several(TMaze):
    """A T-maze of several cues, with as many ways to turn."""

    def __init__(self, cues, length=2):
        super().__init__(length=length, chances=(1 / cues,) * cues)
        self.num_actions = cues + 1


class Counting:
    """Press exactly at the given step; all looks alike."""

    num_actions, horizon = 2, 10

    def __init__(self, wait):
        self.wait = wait

    def starts(self):
        return [(1.0, 0)]

    def step(self, state, action):
        if action:
            return [Outcome(1.0, "end", float(state == self.wait), True, state == self.wait)]
        return [Outcome(1.0, state + 1, 0.0)]

    def observe(self, state):
        return "dark"


@pytest.mark.parametrize("env, states", [(TMaze(), 2), (Several(3), 3), (Slide(), 1), (Alias(), 2)])
def test_a_cue_is_worth_as_many_states_as_it_has_values(env, states):
    needed = minimal_memory(env)
    assert (needed.least, needed.enough, str(needed)) == (states, states, str(states))


@pytest.mark.parametrize("wait", range(4))
def test_counting_takes_a_state_for_each_step(wait):
    assert minimal_memory(Counting(wait)).enough == minimal_memory(Counting(wait)).least == wait + 1


@pytest.mark.parametrize("size, enough", [(7, 2), pytest.param(9, 3, marks=pytest.mark.slow)])
def test_an_imaze_takes_few_states(size, enough):
    needed = minimal_memory(FiniteIMaze(imaze.configure(size=size)))
    assert needed.least == 2 and needed.enough == enough and needed.value == pytest.approx(1)


def test_bounds_are_told_as_bounds():
    assert str(MemoryStates(1.0, 2, None, None)) == "2 or more"
    assert str(MemoryStates(1.0, 2, 4, 1.0)) == "2 to 4"
    capped = minimal_memory(Several(4), most=2)
    assert capped.enough is None and capped.least == 3


@pytest.mark.parametrize(
    "options, message",
    [
        ({"metric": "score"}, "metric must be 'success', 'return' or None, got 'score'"),
        ({"most": 0}, "most must be at least 1, got 0"),
        ({"target": 1.5}, "target must be at most 1, which perfect memory is worth, got 1.5"),
    ],
)
def test_wrong_questions_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        minimal_memory(TMaze(), **options)


def test_numbers_are_those_of_played_controllers():
    assert np.isclose(minimal_memory(TMaze(), target=0.9).value, 1.0)
