"""When an environment raises, its lane is known, and the actions that led there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agents.engines.ray.lanes import EnvironmentRaised, RecordedLanes
from agents.vec_env.steps import GymnasiumSteps
from tests.support.ray_models import CueLost, fragile_lanes


def test_the_lane_that_raised_is_known_with_its_seed_and_actions() -> None:
    lanes = RecordedLanes(lambda count: GymnasiumSteps(fragile_lanes(4, "raise", count)), 3, first_lane=3)
    lanes.begin(seed=10)
    for action in (0, 1, 1):
        lanes.step(np.full(3, action))
    with pytest.raises(EnvironmentRaised) as caught:
        lanes.step(np.array([0, 0, 1]))
    [record] = caught.value.failed.lanes
    assert record == {"lane": 5, "seed": 12, "episode": 1, "actions": [1, 1]}
    assert isinstance(caught.value.failed.problem, CueLost)


def test_an_environment_that_cannot_be_made_is_reported_as_one_that_raises() -> None:
    def make(lanes: int) -> Any:
        raise FileNotFoundError("no maze here")

    with pytest.raises(EnvironmentRaised, match="no maze here"):
        RecordedLanes(make, 2, 0)
