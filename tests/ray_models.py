"""Models small enough to train with the Ray engine within a test, and a cluster to do it on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from agents.ald import ALD
from agents.engines.ray import RaySettings
from agents.engines.ray.cluster import Cluster
from agents.remote_lanes import RemoteLanes
from tests.tiny import LANES, maze_lanes, maze_model


@contextlib.contextmanager
def started() -> Iterator[Cluster]:
    """A cluster on this machine for the length of a block."""
    cluster = Cluster(RaySettings())
    try:
        yield cluster
    finally:
        cluster.leave()


def ray_model(
    lanes: int = LANES,
    seed: int = 0,
    make: Any = maze_lanes,
    agent: dict[str, Any] | None = None,
    **engine: Any,
) -> ALD:
    """The model of `tests.tiny.maze_model`, with the Ray engine."""
    settings = RaySettings(**{"wait_seconds": 60.0} | engine)
    return maze_model(seed, RemoteLanes(make, lanes), engine=settings, **(agent or {}))
