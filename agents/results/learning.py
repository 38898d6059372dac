"""Learning curves for a page: every run by itself, and what runs of one kind have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.results.runs import Group, Run
from agents.results.statistics import FEWEST_SEEDS, Floats, bootstrap_interval, interquartile_mean
from agents.runs.curve import Published, Unit, has_settled, position
from agents.runs.log import column

UNITS: tuple[Unit, Unit] = ("frames", "minutes")
METRICS = {"success": "rollout/success_rate", "return": "rollout/ep_rew_mean"}

_GRID = 160
# Points of a single run's line: more cannot be told apart in a chart, and make the page of fifty runs large.
_POINTS = 200


def curves(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return the curves of each group as plain values: `curves[g][metric][unit]`."""
    return [
        {metric: {unit: _panel(group, name, unit) for unit in UNITS} for metric, name in METRICS.items()}
        for group in groups
    ]


def published_curves(published: Sequence[Published]) -> list[dict[str, Any]]:
    """Return published points of success as plain values."""
    return [
        {
            "name": each.name,
            "frames": [list(point) for point in each.frames],
            "minutes": [list(point) for point in each.minutes],
        }
        for each in published
    ]


def _panel(group: Group, metric: str, unit: Unit) -> dict[str, Any]:
    lines = {run.seed: _line(run, metric, unit) for run in group.runs}
    drawn = {seed: line for seed, line in lines.items() if len(line[0])}
    enough = len(drawn) >= FEWEST_SEEDS
    return {
        "runs": [_run_line(seed, *line) for seed, line in drawn.items()],
        "aggregate": _aggregate(list(drawn.values())) if enough else None,
    }


def _run_line(seed: int, x: Floats, y: Floats) -> dict[str, Any]:
    kept = spread_out(len(x), _POINTS)
    return {"seed": seed, "x": _rounded(x[kept]), "y": _rounded(y[kept])}


def spread_out(count: int, most: int) -> list[int]:
    """Return at most `most` of the first `count` integers, evenly spread, the two ends included."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _line(run: Run, metric: str, unit: Unit) -> tuple[Floats, Floats]:
    """A run's points, those left out at which the metric was not logged, or ran over too few episodes.

    The first episodes to end are the short ones, among which successes are more frequent than later. A run
    that never had enough episodes is shown as it is.
    """
    rows = [row for row in run.rows if has_settled(row)] or run.rows
    x, y = position(rows, unit), np.array(column(rows, metric))
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def _aggregate(lines: Sequence[tuple[Floats, Floats]]) -> dict[str, list[float]] | None:
    """Interquartile mean and interval where all runs have values; None where they never do."""
    first, last = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    if first > last:
        return None
    grid = np.linspace(first, last, _GRID)
    values = np.stack([np.interp(grid, x, y) for x, y in lines])  # [S, G]
    low, high = bootstrap_interval(values)
    middle = interquartile_mean(values)
    return {"x": _rounded(grid), "y": _rounded(middle), "low": _rounded(low), "high": _rounded(high)}


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 5) for value in values]
