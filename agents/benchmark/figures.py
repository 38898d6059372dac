"""The figures of a benchmark: the learning curves of each task, and its experiments side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter
from PIL import Image

from agents.results.acting import Costs
from agents.results.comparison import SUBJECT, Comparison, compare
from agents.results.learning import UNITS, curves
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.scores import Measure, measure_of
from agents.results.statistics import Estimate
from agents.runs.curve import INK, Unit, style_axes
from memory_envs.files import replacing

# Okabe and Ito's colours, which the colour-blind can tell apart, without yellow, too pale for a line; when
# they are used up, they come again with other dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#4d4d4d", "#56b4e9")
DASHES = ("-", "--", ":", "-.")
DPI = 120
# Of the height of a panel, between two labels.
_GAP = 0.062


class Look(NamedTuple):
    """How an experiment is drawn."""

    colour: str
    dashes: str


def save_figures(
    runs: Sequence[Run],
    costs: Costs,
    folder: Path,
    benchmark: str,
    subject: str = SUBJECT,
    clock: Clock = "wall",
) -> dict[str, tuple[Path, Path]]:
    """Draw the learning curves and the comparison of every task.

    The same data give the same files, bit for bit, with the same versions of matplotlib and Pillow.

    Args:
        runs: Of the benchmark.
        costs: Of acting.
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
            _save(folder / f"{benchmark}-{_slug(task)}-curves.png", _curves(grouped(of_task), clock)),
            _save(
                folder / f"{benchmark}-{_slug(task)}-comparison.png",
                _comparison(compare(grouped(of_task), costs, subject), subject),
            ),
        )
        for task, of_task in by_task(runs).items()
    }


def looks(count: int) -> list[Look]:
    """Return how to draw as many experiments."""
    return [Look(COLOURS[k % len(COLOURS)], DASHES[k // len(COLOURS) % len(DASHES)]) for k in range(count)]


def spread(values: Sequence[float], gap: float) -> list[float]:
    """Return values moved apart until neighbours are `gap` from each other, none of them above 1."""
    order = sorted(range(len(values)), key=lambda k: values[k])
    places = list(values)
    for below, above in zip(order, order[1:], strict=False):
        places[above] = max(places[above], places[below] + gap)
    limit = 1.0
    for k in reversed(order):
        places[k] = min(places[k], limit)
        limit = places[k] - gap
    return places


def _curves(groups: Sequence[Group], clock: Clock) -> Figure:
    figure = Figure(figsize=(11, 4.4), layout="constrained", facecolor="white")
    measure = measure_of(groups[0].runs[0])
    drawn = [each[measure] for each in curves(groups)]
    for axes, unit in zip(figure.subplots(1, 2, sharey=True), UNITS, strict=True):
        ends = _draw_curves(axes, drawn, unit, measure)
        axes.set_xlim(left=0)
    if clock == "cpu":
        axes.set_xlabel("minutes of the processor", color=INK)
    _label(axes, ends, [group.name for group in groups])
    return figure


def _draw_curves(
    axes: Axes, drawn: Sequence[Mapping[str, Any]], unit: Unit, measure: Measure
) -> list[float | None]:
    """Every experiment; returns at what height each line ends."""
    style_axes(axes, unit, f"{measure} while training")
    if measure == "success":
        axes.set_ylim(-0.02, 1.02)
    alpha = 0.16 if len(drawn) <= 5 else 0.09  # where many overlap, lines must stay readable
    every = zip(drawn, looks(len(drawn)), strict=True)
    return [_draw_experiment(axes, panel[unit], look, alpha) for panel, look in every]


def _draw_experiment(axes: Axes, panel: Mapping[str, Any], look: Look, alpha: float) -> float | None:
    """The interquartile mean and its interval, or each run where there are too few for them."""
    common = panel["aggregate"]
    lines = [common] if common else panel["runs"]
    for line in lines:
        width, dot = (2 if common else 1), ("o" if len(line["x"]) == 1 else "")
        axes.plot(line["x"], line["y"], marker=dot, color=look.colour, linestyle=look.dashes, lw=width)
    if common:
        axes.fill_between(common["x"], common["low"], common["high"], color=look.colour, alpha=alpha, lw=0)
    return lines[-1]["y"][-1] if lines else None


def _label(axes: Axes, ends: Sequence[float | None], names: Sequence[str]) -> None:
    """Write names beside the right edge, each at the height at which its line ends."""
    every = zip(ends, names, looks(len(names)), strict=True)
    known = [(y, name, look) for y, name, look in every if y is not None]
    low, high = axes.get_ylim()
    heights = [(y - low) / (high - low) for y, _, _ in known]
    beside: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    for (_, name, look), height, place in zip(known, heights, spread(heights, _GAP), strict=True):
        x, y = (1.0, 1.02, 1.08), (height, place, place)
        axes.plot(x, y, color=look.colour, linestyle=look.dashes, lw=1.5, **beside)
        axes.text(1.09, place, name, color=look.colour, fontsize=9.5, va="center", **beside)


def _comparison(rows: Sequence[Comparison], subject: str) -> Figure:
    panels = list(_panels(rows, subject))
    figure = Figure(figsize=(11, 1.3 + 0.34 * len(rows)), layout="constrained", facecolor="white")
    every = figure.subplots(1, max(1, len(panels)), sharey=True, squeeze=False)[0]
    for axes, (title, draw) in zip(every, panels, strict=False):
        style_axes(axes, "frames", title)
        axes.set_xlabel("")
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
    for y, (estimate, look) in enumerate(zip(scores, looks(len(scores)), strict=True)):
        _draw_estimate(axes, y, estimate, look.colour, "o")
    axes.axvline(0, color=INK, lw=0.8)
    axes.axvline(1, color=INK, lw=0.8, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(5))  # names of experiments may leave little room


def _draw_improvement(axes: Axes, rows: Sequence[Comparison]) -> None:
    """By final score, and below it by who needs less time."""
    for y, (row, look) in enumerate(zip(rows, looks(len(rows)), strict=True)):
        compared = row.improvement or {}
        for place, (key, marker) in enumerate((("score", "o"), ("frames", "s"), ("minutes", "D"))):
            _draw_estimate(axes, y + 0.24 * (place - 1), compared.get(key), look.colour, marker)
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
    for y, (row, look) in enumerate(zip(rows, looks(len(rows)), strict=True)):
        times = [cost.microseconds for cost in row.acting.values()]
        axes.plot(times, [y] * len(times), color=look.colour, lw=1, alpha=0.5)
        for batch, cost in row.acting.items():
            face = "white" if batch == 1 else look.colour
            axes.plot(cost.microseconds, y, "o", color=look.colour, markerfacecolor=face, markersize=6)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    places = (1, 2, 5) if high / low < 100 else (1,)  # of a decade: as many as there is room for
    axes.xaxis.set_major_locator(LogLocator(subs=places))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _save(path: Path, figure: Figure) -> Path:
    """As a PNG of 256 colours, which is a third as large and looks the same."""
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    with replacing(path) as file:
        image.quantize(256, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return path


def _slug(task: str) -> str:
    """A name of a file, in small letters and hyphens."""
    letters = "".join(each if each.isalnum() else " " for each in task.lower())
    return "-".join(letters.split())
