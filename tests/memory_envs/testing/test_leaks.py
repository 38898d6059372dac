"""Observations that tell what must be remembered are found exactly where they are."""

import re

import numpy as np
import pytest

from memory_envs import certify
from memory_envs.finite.protocol import Outcome
from memory_envs.testing import (
    ConformanceError,
    check_leaks,
    check_leaks_in_play,
    find_leaks,
)
from tests.support.faulty import Corridor
from tests.support.walks import Walk


def test_observations_that_tell_what_must_be_remembered_are_found():
    walk = Walk()
    check_leaks(walk, hidden=lambda state: state[1], must_be_remembered=lambda state: state[0] > 0)
    walk.shows_at = {0, 2}
    leaks = find_leaks(walk, lambda state: state[1], lambda state: state[0] > 0)
    assert [(leak.state, leak.possible) for leak in leaks] == [((2, 0), {0}), ((2, 1), {1})]
    with pytest.raises(ConformanceError, match=re.escape("2 observations tell") + ".*" + re.escape("(2, 0)")):
        check_leaks(walk, lambda state: state[1], lambda state: state[0] > 0)
    with pytest.raises(ValueError, match="must_be_remembered holds in no reachable state"):
        check_leaks(walk, lambda state: state[1], lambda state: False)
    with pytest.raises(ValueError, match="more than max_states=3 states"):
        check_leaks(walk, lambda state: state[1], lambda state: True, max_states=3)
    with pytest.raises(TypeError, match="hidden must be given, because Walk has no method 'question'"):
        check_leaks(walk)


@pytest.mark.parametrize("hidden", [lambda state: 0, lambda state: state[0] > 0])
def test_what_is_the_same_wherever_it_must_be_remembered_cannot_be_checked(hidden):
    with pytest.raises(ValueError, match=r"hidden is (0|True) in every .*: nothing could leak"):
        check_leaks(Walk(), hidden, lambda state: state[0] > 0)


def test_a_value_that_is_likely_and_not_certain_is_left_to_the_certificate():
    class Hint(Walk):
        """Sees, in cell 2, a bit that is the cue in 98 % of episodes."""

        def starts(self):
            return [(0.49 if hint == cue else 0.01, (0, 2 * hint + cue)) for hint in (0, 1) for cue in (0, 1)]

        def step(self, state, action):
            cell, fact = state
            if cell < 2:
                return [Outcome(1.0, (cell + 1, fact), 0.0)]
            return [Outcome(1.0, state, 0.0, terminated=True, success=action == fact % 2)]

        def observe(self, state):
            cell, fact = state
            return (cell, (fact % 2, fact // 2)[cell // 2] if cell != 1 else None)

    check_leaks(Hint(), lambda state: state[1] % 2, lambda state: state[0] > 0)
    assert certify(Hint()).memoryless.success.lower == pytest.approx(0.98)


def test_a_task_that_names_its_question_needs_no_more():
    class Asked(Walk):
        shows_at = {0, 1}

        def question(self, state):
            return state[1]

        def must_hide(self, state):
            return state[0] > 0

    with pytest.raises(ConformanceError, match=re.escape("in state (1, 0)")):
        check_leaks(Asked())


def test_leaks_are_found_in_play():
    def after_the_start(env):
        return env.cell > 0

    class Hidden(Corridor):
        def observe(self):
            return np.array([self.cell, self.cue if self.cell == 0 else 9])

    check_leaks_in_play(Hidden, lambda env: env.cue, after_the_start, episodes=100)
    with pytest.raises(ConformanceError, match="observations tell what must be remembered: .* always with"):
        check_leaks_in_play(Corridor, lambda env: env.cue, after_the_start, episodes=200)
    with pytest.raises(ValueError, match="play more episodes"):
        check_leaks_in_play(Hidden, lambda env: env.cue, after_the_start, episodes=5)
    with pytest.raises(ValueError, match="or only one value of it was met"):
        check_leaks_in_play(Hidden, lambda env: 0, after_the_start, episodes=100)
