"""What imitation of one who sees all is worth: by hand, by trying every history, and in mazes."""

import pytest

from memory_envs.certificate.levels import Remembered
from memory_envs.certificate.targets import finite_task
from memory_envs.finite.protocol import Outcome
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.imitation import imitated
from memory_envs.solvers.values import best
from tests.support.brute_force import CoarsePOMDP, RandomPOMDP, students_of_the_optimum
from tests.support.toys import Drawn, TMaze


class Detour:
    """A choice at a junction, and a look at the cue for who asks for it: 0 looks, 1 and 2 choose."""

    num_actions = 3
    horizon = 4

    def __init__(self, chances=(0.5, 0.5), look_pays=0.0):
        self.chances, self.look_pays = chances, look_pays

    def starts(self):
        return [(chance, ("junction", cue)) for cue, chance in enumerate(self.chances)]

    def step(self, state, action):
        place, cue = state
        if action == 0:
            return [Outcome(1.0, ("cue", cue), self.look_pays * (place == "junction"))]
        right = action == cue + 1
        return [Outcome(1.0, "end", float(right), terminated=True, success=right)]

    def observe(self, state):
        return state if state[0] == "cue" else state[0]


class TwoAnswers:
    """The hidden side is to be named twice, which pays if both answers are right, and the second a little."""

    num_actions = 2
    horizon = 2

    def starts(self):
        return [(0.5, (side, None)) for side in (0, 1)]

    def step(self, state, action):
        side, first = state
        if first is None:
            return [Outcome(1.0, (side, action), 0.0)]
        both = first == action == side
        return [Outcome(1.0, "end", both + 0.1 * (action == side), terminated=True, success=both)]

    def observe(self, state):
        return state[1] is None


def students(env):
    """What students earn in a task."""
    task = Remembered.of(enumerate_states(env), limit=10_000)
    return imitated(task.graph, task.beliefs)


def test_a_student_of_one_who_need_not_look_does_not_look():
    assert students(Detour()).drawn == pytest.approx((0.5, 0.5, 1.0))
    assert best(belief_graph(enumerate_states(Detour()))).episode_return == 1.0


def test_drawing_matches_probabilities_and_choosing_takes_the_likelier():
    found = students(Detour(chances=(0.8, 0.2)))
    assert found.drawn.success == pytest.approx(0.8**2 + 0.2**2)
    assert found.at_most.success == pytest.approx(0.8)


def test_what_the_optimum_does_anyway_shows_the_student_too():
    assert students(Detour(look_pays=0.1)).drawn == pytest.approx((1.1, 1.0, 2.0))
    assert students(TMaze(length=5)).drawn == pytest.approx((1.0, 1.0, 6.0))


def test_equal_actions_are_drawn_evenly():
    class Tied(Detour):
        """The answer pays from the second step on alone: until then choosing and looking are the same."""

        def starts(self):
            return [(chance, ("first", cue)) for cue, chance in enumerate(self.chances)]

        def step(self, state, action):
            if state[0] != "first":
                return super().step(state, action)
            return [Outcome(1.0, ("cue" if action == 0 else "junction", state[1]), 0.0)]

    found = students(Tied())
    assert found.drawn.success == pytest.approx(1 / 3 * 1 + 2 / 3 * 0.5)
    assert found.at_most.success == pytest.approx(1.0)


def test_of_equal_returns_the_optimum_takes_the_sooner():
    patient = Detour()
    patient.horizon = 100  # time enough to look and choose, at the same return
    assert students(patient).at_most.success == pytest.approx(0.5)


def test_its_own_actions_tell_a_student_nothing_of_the_state():
    # A student of demonstrations would take its first answer for a sign, and repeat it: one half.
    assert students(TwoAnswers()).drawn.success == pytest.approx(0.25)
    assert students(TwoAnswers()).at_most.success == pytest.approx(0.5)


@pytest.mark.parametrize("task", [RandomPOMDP, CoarsePOMDP])
@pytest.mark.parametrize("part", range(3))
def test_tiny_random_tasks_are_worth_what_trying_every_history_finds(task, part):
    for seed in range(part * 20, part * 20 + 20):
        env = task(seed)
        found = students(env)
        expected = students_of_the_optimum(env)
        assert (found.drawn.episode_return, found.at_most.episode_return) == pytest.approx(expected), seed


def test_students_earn_no_more_than_perfect_memory_and_those_that_draw_no_more_than_those_that_choose():
    gaps = []
    for seed in range(20):
        task = Remembered.of(enumerate_states(Drawn(seed)), limit=50_000)
        drawn, at_most = (each.episode_return for each in imitated(task.graph, task.beliefs))
        memory = best(task.beliefs).episode_return
        assert drawn <= at_most + 1e-9 and at_most <= memory + 1e-9
        gaps.append(memory - drawn)
    assert max(gaps) > 0.01 and min(gaps) >= -1e-9


@pytest.mark.parametrize(
    "settings, at_most, memory",
    [
        ({"size": 7}, 1.0, 1.0),  # the cue lies on the way
        ({"size": 9}, 0.5, 1.0),  # the optimum walks past it
        ({"size": 9, "view_size": 5}, 1.0, 1.0),  # and sees it from the stem with a wider view
        ({"size": 13, "view_size": 5}, 0.5, 1.0),
        ({"size": 15}, 0.5, 1.0),
        (
            {"size": 9, "start": "center"},
            0.75,
            1.0,
        ),  # its heading unknown, it errs to the cue
    ],
)
def test_mazes_make_a_ladder_of_what_imitation_misses(settings, at_most, memory):
    task = Remembered.of(
        enumerate_states(finite_task("MemoryEnvs/IMaze-v0", settings)), limit=10_000
    ).scoring_success()
    found = imitated(task.graph, task.beliefs)
    assert found.at_most.success == pytest.approx(at_most)
    assert best(task.beliefs).success == pytest.approx(memory)
    if settings.get("start") != "center":
        assert at_most - 1e-3 < found.drawn.success <= at_most + 1e-9
