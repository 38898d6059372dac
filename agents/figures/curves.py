"""Panels of curves: how a run, a benchmark and a report draw what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agents.figures.style import own_style

Floats = NDArray[np.float64]

INK, GRID, SPINE = "#2b2f38", "#e6e8ec", "#b5bac4"
# Okabe and Ito's colours, which the colour-blind can tell apart, without yellow, too pale for a line,
# and with a grey that is seen on white and on dark pages; used up, they come again with other dashes.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#7a7a7a", "#56b4e9")
DASHES = ("-", "--", ":", "-.")
# Of the height of a panel, between two names.
_GAP = 0.062


@dataclass(frozen=True)
class Curve:
    """A line through points.

    Attributes:
        x: [N] where.
        y: [N] values; those that are not finite leave a gap.
        name: Written at the end of the line; nothing is written when empty.
        colour: Of line, band and name.
        dashes: As matplotlib has them.
        width: Of the line, in points.
        marker: On every point; a single point always has one.
        band: [N] lower and upper ends of an interval around the line.
    """

    x: Floats
    y: Floats
    name: str = ""
    colour: str = COLOURS[0]
    dashes: str = "-"
    width: float = 2.0
    marker: str = ""
    band: tuple[Floats, Floats] | None = None


class Panel(NamedTuple):
    """Curves over one axis."""

    title: str
    x_label: str
    curves: Sequence[Curve]
    y_range: tuple[float, float] | None = None


def line_styles(count: int) -> list[tuple[str, str]]:
    """Return the colour and the dashes of each of many lines."""
    return [(COLOURS[k % len(COLOURS)], DASHES[k // len(COLOURS) % len(DASHES)]) for k in range(count)]


@own_style()
def draw_panels(rows: Sequence[Sequence[Panel]], title: str = "") -> Figure:
    """Return panels in rows and columns; the names of a row's curves stand at the end of its last panel."""
    figure = Figure(figsize=(11, 0.8 + 3.6 * len(rows)), layout="constrained", facecolor="white")
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK)
    every = figure.subplots(len(rows), len(rows[0]), sharey="row", squeeze=False)
    for row, panels in zip(every, rows, strict=True):
        for axes, panel in zip(row, panels, strict=True):
            draw_panel(axes, panel)
        _name_ends(row[-1], [curve for curve in panels[-1].curves if curve.name])
    return figure


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw curves and their intervals, and no names."""
    style_axes(axes, panel.title, panel.x_label)
    # Where many bands overlap, the lines below them must stay readable.
    alpha = 0.16 if sum(curve.band is not None for curve in panel.curves) <= 5 else 0.09
    for curve in panel.curves:
        look: dict[str, Any] = {"color": curve.colour, "linestyle": curve.dashes, "lw": curve.width}
        axes.plot(curve.x, curve.y, marker=curve.marker or ("o" if len(curve.x) == 1 else ""), ms=4, **look)
        if curve.band is not None:
            axes.fill_between(curve.x, *curve.band, color=curve.colour, alpha=alpha, lw=0)
    if not panel.curves:
        axes.annotate("nothing logged", (0.5, 0.5), xycoords="axes fraction", ha="center", color=INK)
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)
    axes.set_xlim(left=0)


def style_axes(axes: Axes, title: str, x_label: str = "") -> None:
    """Give axes their title and the looks that all our figures share."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(x_label, color=INK)
    axes.grid(color=GRID, lw=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SPINE)


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


def _name_ends(axes: Axes, curves: Sequence[Curve]) -> None:
    """Write names beside the right edge, each at the height at which its line ends."""
    low, high = axes.get_ylim()
    heights = [(float(curve.y[-1]) - low) / (high - low) for curve in curves]
    beside: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    for curve, height, place in zip(curves, heights, spread(heights, _GAP), strict=True):
        x, y = (1.0, 1.02, 1.08), (height, place, place)
        axes.plot(x, y, color=curve.colour, linestyle=curve.dashes, lw=1.5, **beside)
        axes.text(1.09, place, curve.name, color=curve.colour, fontsize=9.5, va="center", **beside)
