"""Learning curves for a page: every run by itself, and what runs of one kind have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.curves import Published, Unit, position
from agents.report.runs import Group, Run
from agents.run_log import column

Floats = NDArray[np.float64]

UNITS: tuple[Unit, Unit] = ("frames", "minutes")
METRICS = {"success": "rollout/success_rate", "return": "rollout/ep_rew_mean"}

# Fewer runs say next to nothing about their spread.
FEWEST_SEEDS = 3
_GRID, _RESAMPLES = 160, 2000


def interquartile_mean(values: Floats) -> Floats:
    """Return the mean of the middle half along the first axis, [S, ...] -> [...].

    A quarter of the values, rounded down, is left out at each end.

    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice".
    """
    cut = len(values) // 4
    middle: Floats = np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)
    return middle


def bootstrap_interval(values: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the 95 % interval of the interquartile mean by resampling the first axis, [S, ...] -> 2 x [...].

    The percentile bootstrap of the source above; seeds are resampled whole, so that a curve stays a curve.
    """
    drawn = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLES, len(values)))
    means = np.stack([interquartile_mean(values[rows]) for rows in drawn])
    low, high = np.percentile(means, [2.5, 97.5], axis=0)
    return low, high


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
    drawn = [line for line in lines.values() if len(line[0])]
    return {
        "runs": [
            {"seed": seed, "x": _rounded(x), "y": _rounded(y)} for seed, (x, y) in lines.items() if len(x)
        ],
        "aggregate": _aggregate(drawn) if len(drawn) >= FEWEST_SEEDS else None,
    }


def _line(run: Run, metric: str, unit: Unit) -> tuple[Floats, Floats]:
    """A run's points, those left out at which the metric was not logged."""
    x, y = position(run.rows, unit), np.array(column(run.rows, metric))
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
