"""The verdict does not depend on what a task says about itself, nor on the unit of its rewards."""

import pytest

import memory_envs
from memory_envs.certificate import Effort
from tests.support.toys import NamedTMaze, TMaze

EFFORT = Effort(restarts=1, iterations=60)


class Plain(TMaze):
    """The T-maze that says less: nothing is flagged a success, and rewards are of another size."""

    unit = 1.0
    flagged = False

    def step(self, state, action):
        for each in super().step(state, action):
            yield each._replace(reward=each.reward * self.unit, success=each.success and self.flagged)


class Named(Plain, NamedTMaze):
    """The same, naming its question."""


@pytest.mark.parametrize("unit", [1.0, 0.005, 1e-15, 1e6])
@pytest.mark.parametrize("kind", [Plain, Named])
def test_saying_more_or_paying_in_another_unit_changes_no_verdict(kind, unit):
    task = kind()
    task.unit = unit
    certificate = memory_envs.certify(task, effort=EFFORT)
    assert certificate.verdict == "yes, as far as searched"
    assert certificate.perfect_memory.episode_return.lower == pytest.approx(unit)
    assert certificate.memoryless.episode_return.lower == pytest.approx(unit / 2, rel=1e-6)
    task.flagged = True
    assert memory_envs.certify(task, effort=EFFORT).verdict == "yes, proved"


@pytest.mark.parametrize("kind", [Plain, Named])
def test_a_cue_in_view_needs_no_memory_in_any_unit(kind):
    task = kind(shown=(0, 1, 2, 3))
    for task.unit in (1.0, 1e-15):
        assert memory_envs.certify(task, effort=EFFORT).verdict == "no"


def test_where_there_is_nothing_to_gain_memory_is_not_required():
    task = Plain()
    task.unit = 0.0
    assert memory_envs.certify(task, effort=EFFORT).verdict == "no"
