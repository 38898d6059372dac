"""All reachable states are enumerated, and what breaks the protocol is refused."""

import numpy as np
import pytest

from memory_envs.finite.classic import MemoryChain, RepeatFirst
from memory_envs.finite.protocol import Outcome
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import NotFinite, TooLarge, enumerate_states
from memory_envs.solvers.values import best
from tests.support.toys import Drawn, NamedTMaze, Slide


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


@pytest.mark.parametrize(
    "outcomes, message",
    [
        ([Outcome(1.0, "top", float("nan"))], "reward of action 0 in state 'top' .* got nan, a float"),
        ([Outcome(1.0, "top", float("-inf"))], "got -inf, a float"),
        ([Outcome(1.0, "top", "much")], "got much, a str"),
        ([Outcome(1.0, "top", 10**400)], "must be a finite number"),
        ([Outcome(1.0, "top", 1e308)], "sum over 2 steps"),
        ([Outcome(float("nan"), "top", 0.0)], r"sum to 1, got \[nan\]"),
        ([Outcome("1", "top", 0.0)], r"sum to 1, got \['1'\]"),
        ([Outcome(1.0, ["top"], 0.0)], "the state after action 0 .* must be hashable, got .* a list"),
        ([Outcome(1.0, "top", 0.0, terminated="no")], "terminated .* must be True or False, got no, a str"),
        ([(1.0, "top", 0.0)], "must give Outcomes, got .* a tuple"),
        (Outcome(1.0, "top", 0.0), "must give a list of Outcomes, got one Outcome"),
        (None, "must give a list, got None"),
        ([], r"sum to 1, got \[\]"),
    ],
)
def test_what_is_met_in_a_step_is_named(outcomes, message):
    class Wrong(Slide):
        def step(self, state, action):
            return outcomes

    with pytest.raises(NotFinite, match=message):
        enumerate_states(Wrong())


@pytest.mark.parametrize(
    "members, message",
    [
        ({"num_actions": 0}, "num_actions must be an integer of at least 1, got 0"),
        ({"num_actions": 2.0}, "num_actions must be an integer of at least 1, got 2.0"),
        ({"horizon": float("inf")}, "horizon must be an integer of at least 1, got inf"),
        ({"horizon": 0}, "horizon must be"),
        ({"starts": lambda self: ["top"]}, "pairs of a probability and a state, got top, a str"),
        ({"starts": lambda self: [(1.0, np.zeros(2))]}, "a first state must be hashable"),
        ({"starts": lambda self: [(float("nan"), "top")]}, "the starts must be above 0"),
        ({"observe": lambda self, state: np.zeros(2)}, "observation in state 'top' .* ndarray.*tobytes"),
        ({"observe": lambda self, state: float("nan")}, "must equal itself, got nan"),
    ],
)
def test_what_else_is_met_is_named(members, message):
    with pytest.raises(NotFinite, match=message):
        enumerate_states(type("Wrong", (Slide,), members)())


def test_numpy_numbers_are_numbers():
    class Numpy(Slide):
        num_actions, horizon = np.int64(2), np.int32(2)

        def step(self, state, action):
            for chance, after, reward, terminated, success in super().step(state, action):
                flags = np.bool_(terminated), np.bool_(success)
                yield Outcome(np.float64(chance), after, np.float32(reward), *flags)

    assert best(enumerate_states(Numpy())) == best(enumerate_states(Slide()))


def test_a_task_is_passive_where_actions_change_nothing_but_rewards():
    chain, first = MemoryChain(3), RepeatFirst(1)
    assert enumerate_states(chain).is_passive and enumerate_states(first).is_passive
    assert not enumerate_states(NamedTMaze()).is_passive and not enumerate_states(Slide()).is_passive
