"""Leaks and endless reward are found exactly where they are."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from memory_envs import certify
from memory_envs.finite.protocol import Outcome
from memory_envs.testing import (
    ConformanceError,
    check_leaks,
    check_leaks_in_play,
    check_reward_loops,
    find_leaks,
    find_reward_loop,
)
from tests.support.faulty import Corridor


class Walk:
    """Cells 0 to 3 in a row and a cue, 0 or 1, seen in cell 0; cell 3 ends the episode."""

    num_actions = 2
    horizon = 20
    shows_at = {0}
    gains: dict[tuple[int, int], float] = {}

    def starts(self):
        return [(0.5, (0, 0)), (0.5, (0, 1))]

    def step(self, state, action):
        cell, cue = state
        after = max(0, cell - 1) if action == 0 else cell + 1
        reward = self.gains.get((cell, after), 0.0)
        return [Outcome(1.0, (after, cue), reward, terminated=after == 3)]

    def observe(self, state):
        cell, cue = state
        return (cell, cue if cell in self.shows_at else None)


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


@pytest.mark.parametrize("step_penalty", [0.0, 0.25])
def test_endless_reward_is_found_with_its_states_and_actions(step_penalty):
    walk = Walk()
    there_and_back = {(1, 2): 1.0, (2, 1): 0.0}
    walk.gains = {key: gain - step_penalty for key, gain in there_and_back.items()}
    loop = find_reward_loop(walk)
    assert sum(loop.rewards) == 1 - 2 * step_penalty
    assert sorted(loop.states) in ([(1, 0), (2, 0)], [(1, 1), (2, 1)])
    for position, (state, action) in enumerate(zip(loop.states, loop.actions, strict=True)):
        following = loop.states[(position + 1) % len(loop.states)]
        assert walk.step(state, action)[0].state == following
    with pytest.raises(ConformanceError, match=r"can be earned over and over: in \(\d, \d\) action \d earns"):
        check_reward_loops(walk)


@pytest.mark.parametrize(
    "gains",
    [
        {},
        {(2, 3): 5.0},  # paid once, at the end
        {(0, 1): 1.0, (1, 0): -1.0},  # paid, and paid back
        {(0, 0): -0.1, (0, 1): 0.4, (1, 0): -0.5, (1, 2): 1.0, (2, 1): -1.0},
    ],
)
def test_reward_that_ends_is_left_alone(gains):
    walk = Walk()
    walk.gains = gains
    check_reward_loops(walk)


def test_progress_that_may_pay_again_is_left_out():
    walk = Walk()
    walk.gains = {(1, 2): 1.0}
    check_reward_loops(walk, allowed=lambda state, action, outcome: (state[0], outcome.state[0]) == (1, 2))


def test_loops_are_found_in_random_graphs_exactly_where_enumeration_finds_them():
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        following = generator.integers(0, 5, size=(5, 2))
        reward = generator.integers(-3, 3, size=(5, 2)).astype(float)
        graph = SimpleNamespace(
            num_actions=2,
            horizon=1,
            starts=lambda: [(1.0, 0)],
            step=lambda s, a, f=following, r=reward: [Outcome(1.0, int(f[s, a]), r[s, a])],
        )
        # The best sum of a walk of k steps that leads back: within 5 steps, every simple cycle.
        best = np.full((5, 5), -np.inf)
        for state in range(5):
            for action in range(2):
                best[state, following[state, action]] = max(
                    best[state, following[state, action]], reward[state, action]
                )
        reached, walks, pays = {0}, best.copy(), False
        for _ in range(5):
            reached |= {int(after) for state in reached for after in following[state]}
        for _ in range(5):
            pays |= any(walks[state, state] > 0 for state in reached)
            walks = (walks[:, :, None] + best[None]).max(axis=1)
        loop = find_reward_loop(graph)
        assert (loop is not None) == pays
        assert loop is None or sum(loop.rewards) > 0
        found += pays
    assert 50 < found < 250
