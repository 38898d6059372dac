"""Learning curves of experiments: what the runs of each have in common, and every run by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agents.figures.curves import Curve, Floats, Panel
from agents.results.looks import Shown
from agents.results.runs import Clock, Run
from agents.results.scores import certificate_of
from agents.results.statistics import FEWEST_SEEDS, bootstrap_interval, interquartile_mean
from agents.runs.curve import (
    CPU_MINUTES,
    METRICS,
    RANGES,
    UNIT_LABELS,
    Published,
    Unit,
    has_settled,
    panel_title,
    position,
    published_curves,
)
from agents.runs.log import column
from agents.runs.yardsticks import yardsticks

# More runs than these are not drawn one by one where their experiments have an interval.
MOST_LINES = 12
# Where an interquartile mean is drawn.
_GRID = 160
# Points of a single run's line: more cannot be told apart, and make the page of fifty runs large.
_POINTS = 200


def panel(
    shown: Sequence[Shown],
    metric: str,
    unit: Unit,
    clock: Clock = "wall",
    published: Sequence[Published] = (),
    what: str = "",
) -> Panel:
    """Return the curves of some experiments, and published ones, as they are drawn.

    Random actions are no curve where the task's certificate says what they are worth: they are a mark.

    Args:
        shown: The experiments and their looks.
        metric: "success" or "return".
        unit: Of the horizontal axis.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
        published: Points of success.
        what: Titles of the experiments count, if they are numbers.
    """
    certificate = certificate_of(shown[0].group.runs[0])
    drawn = [each for each in shown if certificate is None or each.group.runs[0].agent != "random"] or shown
    singly = sum(len(each.group.runs) for each in drawn) <= MOST_LINES
    ours = [curve for each in drawn for curve in _curves(each, metric, unit, singly)]
    papers = published_curves(published, unit) if metric == "success" else []
    x_label = CPU_MINUTES if (unit, clock) == ("minutes", "cpu") else UNIT_LABELS[unit]
    title = panel_title(metric, x_label, what)
    return Panel(title, x_label, [*ours, *papers], RANGES[metric], yardsticks(certificate, metric))


def spread_out(count: int, most: int) -> list[int]:
    """Return at most `most` of the first `count` integers, evenly spread, the two ends included."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _curves(shown: Shown, metric: str, unit: Unit, singly: bool) -> list[Curve]:
    """Interquartile mean and interval, or each run where there are too few for them."""
    style = (shown.colour, shown.dashes)
    lines = [line for run in shown.group.runs if len((line := run_line(run, metric, unit))[0])]
    common = _common(lines) if len(lines) >= FEWEST_SEEDS else None
    if common is None:
        names = [*[""] * (len(lines) - 1), shown.title]
        return [
            Curve(*_thinned(*line), name, *style, width=1.0) for line, name in zip(lines, names, strict=False)
        ]
    thin = [Curve(*_thinned(*line), "", *style, width=0.5) for line in lines] if singly else []
    x, y, low, high = common
    return [*thin, Curve(x, y, shown.title, *style, band=(low, high))]


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
