"""Settings of the Ray engine that cannot work are refused when they are made."""

from __future__ import annotations

from typing import Any

import pytest

from agents.baselines.vmpo import VMPO
from agents.engines.ray import RaySettings
from tests.support.ray_models import ray_model
from tests.support.tiny import maze_lanes, maze_model


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_actors": 0}, "num_actors must be at least 1, got 0"),
        ({"num_distillers": 2, "lockstep": True}, "num_distillers must be 1 in lockstep, got 2"),
        ({"num_actors": 4, "unrolls_per_update": 3}, "unrolls_per_update must be a divisor of num_actors=4"),
        ({"wait_seconds": 0.0}, "wait_seconds must be greater than 0"),
        ({"address": "ray://head:10001"}, "address must be auto, or host:port"),
        ({"worker_cpus": -1.0}, "worker_cpus must be at least 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RaySettings(**settings)


def test_lanes_are_shared_evenly_when_the_model_is_made() -> None:
    with pytest.raises(ValueError, match="got 3: choose one of 1, 2, 4"):
        ray_model(num_actors=3)


def test_agents_without_a_distiller_and_environments_of_this_process_are_refused() -> None:
    with pytest.raises(ValueError, match="VMPO runs on the serial engine only"):
        VMPO("LstmPolicy", maze_lanes(), engine=RaySettings())
    with pytest.raises(TypeError, match="pass agents.vec_env.remote.RemoteLanes"):
        maze_model(engine=RaySettings()).engine.open(maze_lanes())
