"""How soon each run came how far, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from agents.results.learning import UNITS
from agents.results.runs import Group, Run
from agents.results.scores import first_reach
from agents.results.statistics import aggregate
from agents.runs.curve import Published, Unit

LEVELS = (0.5, 0.95, 0.99)


def milestone_rows(groups: Sequence[Group], published: Sequence[Published]) -> list[dict[str, Any]]:
    """Return a row per group with a row per run inside, then the paper's, as plain values."""
    return [_group_row(group) for group in groups] + [_published_row(each) for each in published]


def _group_row(group: Group) -> dict[str, Any]:
    rows = [_run_row(run) for run in group.runs]
    return {
        "name": group.name,
        "agent": group.runs[0].agent_title,
        "paper": False,
        "reached": {unit: [_spread(rows, unit, k) for k in range(len(LEVELS))] for unit in UNITS},
        "final": _final(group.runs),
        "runs": rows,
    }


def _run_row(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "reached": {unit: [first_reach(run, level, unit) for level in LEVELS] for unit in UNITS},
        "final": _final([run]),
    }


def _spread(rows: Sequence[Mapping[str, Any]], unit: Unit, level: int) -> dict[str, Any]:
    """The median over all runs, those that never got there being last, and from where to where."""
    found = [row["reached"][unit][level] for row in rows]
    ordered = sorted(math.inf if each is None else each for each in found)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    known = [each for each in found if each is not None]
    return {
        "median": middle if math.isfinite(middle) else None,
        "low": min(known, default=None),
        "high": max(known, default=None),
        "reached": len(known),
        "runs": len(found),
    }


def _final(runs: Sequence[Run]) -> dict[str, Any]:
    """By how actions were chosen, success and return of the final models with an interval.

    Of one run that of its evaluation's episodes; of several the bootstrap interval over runs, none of two.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.evaluation))
    return {
        name: {
            metric: _summary([run.evaluation[name][metric] for run in runs if name in run.evaluation])
            for metric in ("success", "mean_return")
        }
        for name in names
    }


def _summary(intervals: Sequence[Mapping[str, float | None] | None]) -> dict[str, Any] | None:
    known = [each for each in intervals if each is not None and each["mean"] is not None]
    if len(known) <= 1:
        return dict(known[0]) if known else None
    return aggregate([[float(each["mean"] or 0.0) for each in known]])._asdict()


def _published_row(each: Published) -> dict[str, Any]:
    points: dict[Unit, tuple[tuple[float, float], ...]] = {"frames": each.frames, "minutes": each.minutes}
    return {
        "name": each.name,
        "agent": "the paper",
        "paper": True,
        "reached": {unit: [_crossing(points[unit], level) for level in LEVELS] for unit in UNITS},
    }


def _crossing(points: Sequence[tuple[float, float]], level: float) -> float | None:
    """Where the line through the points first comes to `level`; None outside of them."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if y0 <= level <= y1:
            return x0 + (x1 - x0) * (level - y0) / (y1 - y0)
    return None
