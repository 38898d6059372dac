"""Details of a failure, kept in the run directory so that its cause can be found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.engines.faults import EnvironmentFailed
from agents.learning.finite import LossNotFinite, StateNotFinite
from agents.runs.directory import RunDirectory
from agents.sb3 import checkpoint
from memory_envs.files import write_json

FAILURES = (EnvironmentFailed, LossNotFinite, StateNotFinite)
"""Errors of which something is known."""


def keep(run: RunDirectory, problem: Exception, env_id: str, env_kwargs: Mapping[str, Any]) -> Path | None:
    """Write the details of a failure into the run directory.

    Args:
        run: The run that failed.
        problem: The error that ended it, one of FAILURES.
        env_id: Environment of the run.
        env_kwargs: Its keyword arguments.

    Returns:
        environment_failed.json with id, keyword arguments, and seed and actions of the lane that raised (of
        all lanes of that actor where they are one object); loss_not_finite.zip, a checkpoint that holds the
        unroll; or state_not_finite.zip, the state that was not saved to resume from. None where nothing is
        known.
    """
    if isinstance(problem, EnvironmentFailed):
        path = run.path / "environment_failed.json"
        write_json(path, {"env": env_id, "kwargs": dict(env_kwargs), "lanes": problem.lanes})
        return path
    if isinstance(problem, StateNotFinite):
        path = run.path / "state_not_finite.zip"
        checkpoint.save(path, problem.state)
        return path
    if not isinstance(problem, LossNotFinite) or problem.unroll is None:
        return None
    path = run.path / "loss_not_finite.zip"
    checkpoint.save(path, {"losses": problem.losses, "unroll": problem.unroll.to_tree()})
    return path
