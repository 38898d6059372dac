"""All reachable states are enumerated, and what breaks the protocol is refused."""

import pytest

from memory_envs.finite.protocol import Outcome
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import NotFinite, TooLarge, enumerate_states
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
