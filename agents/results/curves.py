"""Learning curves of experiments: what the runs of each have in common, and every run by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.figures.curves import Curve, Floats, Panel, line_styles
from agents.results.runs import Clock, Group, Run
from agents.results.statistics import FEWEST_SEEDS, bootstrap_interval, interquartile_mean
from agents.runs.curve import (
    METRICS,
    RANGES,
    UNIT_LABELS,
    Published,
    Unit,
    has_settled,
    position,
    published_curves,
)
from agents.runs.log import column

# More runs than these are not drawn one by one where their experiments have an interval.
MOST_LINES = 12
# Where an interquartile mean is drawn.
_GRID = 160
# Points of a single run's line: more cannot be told apart, and make the page of fifty runs large.
_POINTS = 200


def panel(
    groups: Sequence[Group],
    metric: str,
    unit: Unit,
    clock: Clock = "wall",
    published: Sequence[Published] = (),
) -> Panel:
    """Return the curves of some experiments, and published ones, as they are drawn.

    Args:
        groups: The experiments.
        metric: "success" or "return".
        unit: Of the horizontal axis.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
        published: Points of success.
    """
    singly = sum(len(group.runs) for group in groups) <= MOST_LINES
    styles = zip(groups, line_styles(len(groups)), strict=True)
    ours = [curve for group, style in styles for curve in _curves(group, metric, unit, style, singly)]
    papers = published_curves(published, unit) if metric == "success" else []
    x_label = "minutes of the processor" if (unit, clock) == ("minutes", "cpu") else UNIT_LABELS[unit]
    return Panel(f"{metric} while training", x_label, [*ours, *papers], RANGES[metric])


def spread_out(count: int, most: int) -> list[int]:
    """Return at most `most` of the first `count` integers, evenly spread, the two ends included."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _curves(group: Group, metric: str, unit: Unit, style: tuple[str, str], singly: bool) -> list[Curve]:
    """Interquartile mean and interval, or each run where there are too few for them."""
    lines = [line for run in group.runs if len((line := run_line(run, metric, unit))[0])]
    common = _common(lines) if len(lines) >= FEWEST_SEEDS else None
    if common is None:
        names = [*[""] * (len(lines) - 1), group.name]
        return [
            Curve(*_thinned(*line), name, *style, width=1.0) for line, name in zip(lines, names, strict=False)
        ]
    thin = [Curve(*_thinned(*line), "", *style, width=0.5) for line in lines] if singly else []
    x, y, low, high = common
    return [*thin, Curve(x, y, group.name, *style, band=(low, high))]


def run_line(run: Run, metric: str, unit: Unit) -> tuple[Floats, Floats]:
    """Return a run's points, those left out at which the metric was not logged, or ran over too few episodes.

    The first episodes to end are the short ones, among which successes are more frequent than later. A run
    that never had enough episodes is shown as it is.
    """
    rows = [row for row in run.rows if has_settled(row)] or run.rows
    x, y = position(rows, unit), np.array(column(rows, METRICS[metric]))
    known = np.isfinite(x) & np.isfinite(y)
    return x[known], y[known]


def _common(lines: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats, Floats, Floats] | None:
    """Positions, interquartile mean and its ends, where all runs have values; None where they never do."""
    first, last = max(x[0] for x, _ in lines), min(x[-1] for x, _ in lines)
    if first > last:
        return None
    grid = np.linspace(first, last, _GRID)
    values = np.stack([np.interp(grid, x, y) for x, y in lines])  # [S, G]
    return grid, interquartile_mean(values), *bootstrap_interval(values)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    kept = spread_out(len(x), _POINTS)
    return x[kept], y[kept]
