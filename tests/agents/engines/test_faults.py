"""What an environment raised elsewhere is raised here as what it was, where that can be."""

from __future__ import annotations

import pytest

from agents.engines.faults import EnvironmentFailed, environment_failed
from tests.support.ray_models import CueLost


class Picky(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(one, two)


@pytest.mark.parametrize("problem", [CueLost("x"), OSError(2, "x"), UnicodeDecodeError("a", b"b", 0, 1, "c")])
def test_a_failure_is_also_what_the_environment_raised(problem: Exception) -> None:
    failed = environment_failed(problem, "in words", [{"lane": 1}])
    assert isinstance(failed, EnvironmentFailed) and str(failed) == "in words"
    assert isinstance(failed, type(problem)) or isinstance(problem, UnicodeDecodeError)


@pytest.mark.parametrize("problem", [None, Picky(1, 2)])
def test_a_failure_whose_cause_cannot_be_rebuilt_is_plain(problem: Exception | None) -> None:
    assert type(environment_failed(problem, "in words", [])) is EnvironmentFailed
