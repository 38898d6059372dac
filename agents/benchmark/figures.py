"""The figures of a benchmark: the learning curves of each task, and its experiments side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from agents.figures.curves import INK, draw_panels, line_styles, style_axes
from agents.figures.files import save_png
from agents.figures.style import own_style
from agents.results.acting import StepTimes
from agents.results.comparison import SUBJECT, Comparison, compare
from agents.results.curves import panel
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.scores import measure_of
from agents.results.statistics import Estimate
from agents.runs.curve import UNITS


def save_figures(
    runs: Sequence[Run],
    acting: StepTimes,
    folder: Path,
    benchmark: str,
    subject: str = SUBJECT,
    clock: Clock = "wall",
) -> dict[str, tuple[Path, Path]]:
    """Draw the learning curves and the comparison of every task.

    The same data give the same files, see `save_png`.

    Args:
        runs: Of the benchmark.
        acting: The time that a step of each policy takes.
        folder: For the PNG files.
        benchmark: What their names begin with.
        subject: As in `compare`.
        clock: That counted the minutes of these runs, see `Run.timed_by`.

    Returns:
        The two files by task.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        task: (
            save_png(folder / f"{benchmark}-{_slug(task)}-curves.png", _curves(grouped(of_task), clock)),
            save_png(
                folder / f"{benchmark}-{_slug(task)}-comparison.png",
                _comparison(compare(grouped(of_task), acting, subject), subject),
            ),
        )
        for task, of_task in by_task(runs).items()
    }


def _curves(groups: Sequence[Group], clock: Clock) -> Figure:
    measure = measure_of(groups[0].runs[0])
    return draw_panels([[panel(groups, measure, unit, clock) for unit in UNITS]])


@own_style()
def _comparison(rows: Sequence[Comparison], subject: str) -> Figure:
    panels = list(_panels(rows, subject))
    figure = Figure(figsize=(11, 1.3 + 0.34 * len(rows)), layout="constrained", facecolor="white")
    every = figure.subplots(1, max(1, len(panels)), sharey=True, squeeze=False)[0]
    for axes, (title, draw) in zip(every, panels, strict=False):
        style_axes(axes, title)
        draw(axes)
    every[0].set_yticks(range(len(rows)), [row.name for row in rows], color=INK)
    every[0].set_ylim(len(rows) - 0.4, -0.6)
    return figure


def _panels(rows: Sequence[Comparison], subject: str) -> Iterator[tuple[str, Callable[[Axes], None]]]:
    """Those for which there are numbers."""
    if any(row.score for row in rows):
        yield "normalised score", lambda axes: _draw_scores(axes, [row.score for row in rows])
    if any(row.improvement for row in rows):
        yield f"probability that {subject} is better", lambda axes: _draw_improvement(axes, rows)
    if any(row.acting for row in rows):
        yield "µs to act once, ○ 1 lane  ● 64 lanes", lambda axes: _draw_acting(axes, rows)


def _draw_scores(axes: Axes, scores: Sequence[Estimate | None]) -> None:
    for y, (estimate, (colour, _)) in enumerate(zip(scores, line_styles(len(scores)), strict=True)):
        _draw_estimate(axes, y, estimate, colour, "o")
    axes.axvline(0, color=INK, lw=0.8)
    axes.axvline(1, color=INK, lw=0.8, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(5))  # names of experiments may leave little room


def _draw_improvement(axes: Axes, rows: Sequence[Comparison]) -> None:
    """By final score, and below it by who needs less time."""
    for y, (row, (colour, _)) in enumerate(zip(rows, line_styles(len(rows)), strict=True)):
        compared = row.improvement or {}
        for place, (key, marker) in enumerate((("score", "o"), ("frames", "s"), ("minutes", "D"))):
            _draw_estimate(axes, y + 0.24 * (place - 1), compared.get(key), colour, marker)
    axes.axvline(0.5, color=INK, lw=0.8)
    axes.set_xlim(-0.04, 1.04)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("○ score   □ frames to 95 %   ◇ minutes to 95 %", color=INK, fontsize=9)


def _draw_estimate(axes: Axes, y: float, estimate: Estimate | None, colour: str, marker: str) -> None:
    if estimate is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=4, alpha=0.3, solid_capstyle="butt")
    axes.plot(estimate.mean, y, marker, color=colour, markersize=5)


def _draw_acting(axes: Axes, rows: Sequence[Comparison]) -> None:
    for y, (row, (colour, _)) in enumerate(zip(rows, line_styles(len(rows)), strict=True)):
        times = [cost.microseconds for cost in row.acting.values()]
        axes.plot(times, [y] * len(times), color=colour, lw=1, alpha=0.5)
        for batch, cost in row.acting.items():
            face = "white" if batch == 1 else colour
            axes.plot(cost.microseconds, y, "o", color=colour, markerfacecolor=face, markersize=6)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    places = (1, 2, 5) if high / low < 100 else (1,)  # of a decade: as many as there is room for
    axes.xaxis.set_major_locator(LogLocator(subs=places))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _slug(task: str) -> str:
    """A name of a file, in small letters and hyphens."""
    letters = "".join(each if each.isalnum() else " " for each in task.lower())
    return "-".join(letters.split())
