"""The figures of a benchmark: the learning curves of each task, and its experiments side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from agents.figures.curves import FONT, INK, WIDTH, draw_panels, style_axes
from agents.figures.files import save_svg
from agents.figures.style import own_style
from agents.results.acting import StepTimes
from agents.results.comparison import SUBJECT, Comparison, compare, find_subject
from agents.results.curves import panel
from agents.results.looks import Family, Shown, families, titles
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.scores import LEARNED, measure_of
from agents.results.statistics import Estimate
from agents.runs.curve import CPU_MINUTES, UNIT_LABELS, UNITS, published_points

# Fewer experiments are no comparison that a table does not show better.
FEWEST_COMPARED = 3
# Of the three probabilities of a row.
_MARKERS = (("score", "o", "score"), ("frames", "s", f"frames to {LEARNED:.0%}"))


class Figures(NamedTuple):
    """The files of a task's figures.

    Attributes:
        curves: While training.
        comparison: Of the final models; None where too few are compared.
    """

    curves: Path
    comparison: Path | None


class _Row(NamedTuple):
    """An experiment in a figure of many: where, how it looks, and its numbers."""

    y: float
    shown: Shown
    compared: Comparison


def save_figures(
    runs: Sequence[Run],
    acting: StepTimes,
    folder: Path,
    benchmark: str,
    subject: str = SUBJECT,
    clock: Clock = "wall",
    paper: bool = False,
) -> dict[str, Figures]:
    """Draw the learning curves and the comparison of every task.

    The same data give the same files, see `save_svg`.

    Args:
        runs: Of the benchmark.
        acting: The time that a step of each policy takes.
        folder: For the SVG files.
        benchmark: What their names begin with.
        subject: As in `compare`.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
        paper: Whether the paper's points are drawn as well.

    Returns:
        The files by task.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return {
        task: _save(
            folder, f"{benchmark}-{_slug(task)}", task, grouped(of_task), acting, subject, clock, paper
        )
        for task, of_task in by_task(runs).items()
    }


def _save(
    folder: Path,
    name: str,
    task: str,
    groups: Sequence[Group],
    acting: StepTimes,
    subject: str,
    clock: Clock,
    paper: bool,
) -> Figures:
    drawn = families(groups)
    label = f"learning curves of {task}"
    curves = save_svg(folder / f"{name}-curves.svg", _curves(drawn, clock, paper), label)
    compared = {each.name: each for each in compare(groups, acting, subject)}
    comparison = None
    if len(groups) >= FEWEST_COMPARED and any(each.score for each in compared.values()):
        label = f"{task}: scores, probabilities and costs side by side"
        figure = _comparison(drawn, compared, _title_of(groups, subject), clock)
        comparison = save_svg(folder / f"{name}-comparison.svg", figure, label)
    return Figures(curves, comparison)


def _title_of(groups: Sequence[Group], subject: str) -> str:
    found = find_subject(groups, subject)
    return subject if found is None else titles(groups)[found.name]


def _curves(drawn: Sequence[Family], clock: Clock, paper: bool) -> Figure:
    first = drawn[0].members[0].group.runs[0]
    measure = measure_of(first)
    published = published_points(first.env_id, first.env_kwargs) if paper else ()
    return draw_panels(
        [
            [panel(family.members, measure, unit, clock, published, family.scale)]
            for family in drawn
            for unit in UNITS
        ]
    )


@own_style()
def _comparison(
    drawn: Sequence[Family], compared: Mapping[str, Comparison], subject: str, clock: Clock
) -> Figure:
    """A panel below the other for each kind of number; in each, a row for each experiment."""
    rows, heads = _rows(drawn, compared)
    count = len(rows) + len(heads)
    panels = list(_panels(rows, subject, clock))
    figure = Figure(figsize=(WIDTH, len(panels) * (0.95 + 0.3 * count)), layout="constrained")
    every = figure.subplots(len(panels), 1, squeeze=False)[:, 0]
    for axes, (title, draw) in zip(every, panels, strict=True):
        style_axes(axes, title)
        draw(axes)
        places = {**heads, **{row.y: row.shown.title for row in rows}}
        axes.set_yticks(list(places), list(places.values()), color=INK, fontsize=FONT)
        axes.set_ylim(count - 0.4, -0.6)
    return figure


def _rows(drawn: Sequence[Family], compared: Mapping[str, Comparison]) -> tuple[list[_Row], dict[float, str]]:
    """The experiments, and what the numbers count that are the titles of those below."""
    rows: list[_Row] = []
    heads: dict[float, str] = {}
    for family in drawn:
        if family.scale:
            heads[len(rows) + len(heads)] = f"{family.scale}:"
        for shown in family.members:
            rows.append(_Row(len(rows) + len(heads), shown, compared[shown.group.name]))
    return rows, heads


def _panels(rows: Sequence[_Row], subject: str, clock: Clock) -> Iterator[tuple[str, Callable[[Axes], None]]]:
    """Those for which there are numbers."""
    yield "normalised score", lambda axes: _draw_scores(axes, rows)
    if any(_has_intervals(row.compared) for row in rows):
        minutes = (CPU_MINUTES if clock == "cpu" else UNIT_LABELS["minutes"]) + f" to {LEARNED:.0%}"
        markers = (*_MARKERS, ("minutes", "D", minutes))
        yield f"probability that {subject} is better", lambda axes: _draw_improvement(axes, rows, markers)
    if any(row.compared.acting for row in rows):
        yield "µs to act once, ○ for 1 lane, ● for 64 lanes", lambda axes: _draw_acting(axes, rows)


def _has_intervals(compared: Comparison) -> bool:
    """Probabilities of single runs are all or nothing."""
    return any(each is not None and each.low is not None for each in (compared.improvement or {}).values())


def _draw_scores(axes: Axes, rows: Sequence[_Row]) -> None:
    axes.axvline(0, color=INK, lw=0.9, linestyle=(0, (4, 2)))
    axes.axvline(1, color=INK, lw=0.9)
    for row in rows:
        _draw_estimate(axes, row.y, row.compared.score, row.shown.colour, "o")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("0: the best without memory, 1: perfect memory", color=INK, fontsize=FONT)


def _draw_improvement(axes: Axes, rows: Sequence[_Row], markers: Sequence[tuple[str, str, str]]) -> None:
    """By final score, and below it by who needs less."""
    axes.axvline(0.5, color=INK, lw=0.9)
    for row in rows:
        compared = row.compared.improvement or {}
        for place, (key, marker, _) in enumerate(markers):
            _draw_estimate(axes, row.y + 0.26 * (place - 1), compared.get(key), row.shown.colour, marker)
    axes.set_xlim(-0.04, 1.04)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    signs = {"o": "○", "s": "□", "D": "◇"}
    told = "   ".join(f"{signs[marker]} {name}" for _, marker, name in markers)
    axes.set_xlabel(told, color=INK, fontsize=FONT)


def _draw_estimate(axes: Axes, y: float, estimate: Estimate | None, colour: str, marker: str) -> None:
    if estimate is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=4, alpha=0.3, solid_capstyle="butt")
    axes.plot(estimate.mean, y, marker, color=colour, markersize=5)


def _draw_acting(axes: Axes, rows: Sequence[_Row]) -> None:
    for row in rows:
        colour, y = row.shown.colour, row.y
        times = [cost.microseconds for cost in row.compared.acting.values()]
        axes.plot(times, [y] * len(times), color=colour, lw=1, alpha=0.5)
        for batch, cost in row.compared.acting.items():
            face = "none" if batch == 1 else colour
            axes.plot(cost.microseconds, y, "o", color=colour, markerfacecolor=face, markersize=6)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    places = (1, 2, 5) if high / low < 300 else (1, 3)  # of a decade: as many as there is room for
    axes.xaxis.set_major_locator(LogLocator(subs=places))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)


def _slug(task: str) -> str:
    """A name of a file, in small letters and hyphens."""
    letters = "".join(each if each.isalnum() else " " for each in task.lower())
    return "-".join(letters.split())
