"""What is kept of a run that had to end, so that its cause can be found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.sb3 import checkpoint
from agents.engines.faults import EnvironmentFailed
from agents.learning.finite import LossNotFinite
from agents.runs.directory import RunDirectory, write_json


def keep(
    run: RunDirectory, problem: EnvironmentFailed | LossNotFinite, env_id: str, env_kwargs: Mapping[str, Any]
) -> Path | None:
    """Write what is known of a problem into the run directory.

    Args:
        run: Where.
        problem: What ended it.
        env_id: Environment of the run.
        env_kwargs: Its settings.

    Returns:
        environment_failed.json, with id, settings, and seed and actions of the lane that raised (of all
        lanes of that actor, where they are one object and it cannot be told); or loss_not_finite.zip, a
        checkpoint that holds the unroll; None where nothing is known.
    """
    if isinstance(problem, EnvironmentFailed):
        path = run.path / "environment_failed.json"
        write_json(path, {"env": env_id, "kwargs": dict(env_kwargs), "lanes": problem.lanes})
        return path
    if problem.unroll is None:
        return None
    path = run.path / "loss_not_finite.zip"
    checkpoint.save(path, {"losses": problem.losses, "unroll": problem.unroll.to_tree()})
    return path
