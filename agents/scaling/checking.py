"""A run of the distributed engine beside what is predicted of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from agents.engines.ray.settings import RaySettings
from agents.results.runs import Run
from agents.runs.log import FRAMES, SECONDS, Row, column
from agents.scaling.costs import Costs
from agents.scaling.plan import Plan
from agents.scaling.simulation import simulate

# The first part of a run, while caches fill and libraries compile, is left out, and so is the last row, which
# counts the last checkpoint.
LEFT_OUT = 0.2
# What the costs were measured with, and a run must have had as well.
ALIKE = ("unroll_length", "learner_replays", "distillation_steps", "distillation_window")
COLUMNS = {
    "busy_learner": "busy/learner",
    "idle_learner": "idle/learner",
    "idle_actors": "idle/actors",
    "idle_distillers": "idle/distillers",
    "policy_lag": "queue/policy_lag",
    "depth": "queue/depth",
}


def compare(costs: Costs, path: Path, away: bool = False) -> dict[str, tuple[float, float]]:
    """Return what a run measured and what is predicted of it, by the names of `Prediction`.

    Args:
        costs: Measured on the machine of the run.
        path: Of the run's folder.
        away: Its workers were on other nodes than the driver; the log does not tell.

    Raises:
        FileNotFoundError: There is no run.
        ValueError: The costs are not those of the run, or it is too short.
    """
    run = Run.read(path)
    predicted = simulate(costs, plan_of(run, costs, away))
    measured = _measured(run.rows, path)
    return {name: (value, getattr(predicted, name)) for name, value in measured.items()}


def plan_of(run: Run, costs: Costs, away: bool) -> Plan:
    """Return how a run was divided.

    Raises:
        ValueError: It had no processes, or other settings than those whose costs were measured.
    """
    settings = run.settings
    wanted: dict[str, Any] = {"engine": "ray", "preset": costs.preset, "num_threads": 1, "lockstep": False}
    _require_equal(run, settings, wanted)
    _require_equal(run, run.config, {name: getattr(costs, name) for name in ALIKE})
    engine = RaySettings(
        num_actors=settings["num_actors"],
        num_distillers=settings["num_distillers"],
        queue_length=settings["queue_length"],
    )
    lanes = engine.lanes_per_actor(settings["num_envs"])
    return Plan(engine, lanes, cores=run.session.get("cores"), away=away)


def _require_equal(run: Run, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name, value in wanted.items():
        if found.get(name) != value:
            raise ValueError(
                f"{run.directory.path} has {name} {found.get(name)!r}, the costs are those of {value!r}"
            )


def _measured(rows: list[Row], path: Path) -> dict[str, float]:
    frames = np.array(column(rows, FRAMES))
    counted = [row for row, frame in zip(rows, frames, strict=True) if frame >= LEFT_OUT * frames[-1]][:-1]
    if len(counted) < 2:
        raise ValueError(f"{path} has {len(rows)} rows in its log, which are too few to measure a speed by")
    frames, seconds = (np.array(column(counted, name)) for name in (FRAMES, SECONDS))
    shares = {
        name: float(np.average(column(counted[1:], logged), weights=np.diff(seconds)))
        for name, logged in COLUMNS.items()
    }
    return {"frames_per_second": float(np.ptp(frames) / np.ptp(seconds))} | shares
