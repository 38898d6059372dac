"""Panels of curves: how a run, a benchmark and a report draw what was learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from agents.figures.style import own_style
from memory_envs.registry.looks import LOOKS, ORDINAL, VARIANTS

Floats = NDArray[np.float64]
Dashes = str | tuple[int, tuple[int, ...]]

INK, GRID, SPINE = "#2b2f38", "#e6e8ec", "#b5bac4"
# In inches of 72 points. A telephone 390 pixels wide shows a figure of this width 340 pixels wide, and so its
# letters of 11 points 8 pixels high.
WIDTH = 6.4
FONT = 11
_PANEL = 2.75
# Between two names, in points.
_BETWEEN = 14.5
# Of a panel's height, where a name does not reach the title.
_HIGHEST = 0.96


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
    colour: str = LOOKS["ald"].colour
    dashes: Dashes = "-"
    width: float = 2.0
    marker: str = ""
    band: tuple[Floats, Floats] | None = None


class Mark(NamedTuple):
    """A value to compare curves with: a thin line across a panel, named at its end."""

    name: str
    value: float
    dashes: Dashes = "-"


class Panel(NamedTuple):
    """Curves over one axis."""

    title: str
    x_label: str
    curves: Sequence[Curve]
    y_range: tuple[float, float] | None = None
    marks: Sequence[Mark] = ()


def line_styles(count: int) -> list[tuple[str, Dashes]]:
    """Return the colour and the dashes of each of many lines that are no agents of ours."""
    colours = list(dict.fromkeys(look.colour for look in LOOKS.values()))
    dashes = ("-", *VARIANTS)
    return [(colours[k % len(colours)], dashes[k // len(colours) % len(dashes)]) for k in range(count)]


def ordinal_colours(count: int) -> list[str]:
    """Return a colour for each value of a setting, from the smallest to the largest."""
    stops, parts = np.linspace(0, 1, len(ORDINAL)), np.array([to_rgb(stop) for stop in ORDINAL]).T
    shares = np.linspace(0, 1, count)
    return [
        to_hex(colour) for colour in zip(*(np.interp(shares, stops, part) for part in parts), strict=True)
    ]


@own_style()
def draw_panels(rows: Sequence[Sequence[Panel]], title: str = "") -> Figure:
    """Return panels in rows and columns; the names of a row's curves stand at the end of its last panel."""
    figure = Figure(figsize=(WIDTH, 0.3 + _PANEL * len(rows)), layout="constrained", facecolor="white")
    if title:
        figure.suptitle(title, x=0.012, ha="left", fontsize=FONT + 1, fontweight="bold", color=INK)
    every = figure.subplots(len(rows), len(rows[0]), sharey="row", squeeze=False)
    for row, panels in zip(every, rows, strict=True):
        for axes, panel in zip(row, panels, strict=True):
            draw_panel(axes, panel)
        _name_ends(row[-1], panels[-1])
    return figure


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw curves, their intervals and what they are compared with, and no names."""
    style_axes(axes, panel.title, panel.x_label)
    for mark in panel.marks:
        axes.axhline(mark.value, color=INK, linestyle=mark.dashes, lw=0.9, zorder=1.5)
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
    axes.set_title(title, loc="left", fontsize=FONT, color=INK)
    axes.set_xlabel(x_label, color=INK, fontsize=FONT)
    axes.grid(color=GRID, lw=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0, labelsize=FONT)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(SPINE)


def spread(values: Sequence[float], gap: float, top: float = 1.0) -> list[float]:
    """Return values moved apart until neighbours are `gap` from each other, none of them above `top`."""
    order = sorted(range(len(values)), key=lambda k: values[k])
    places = list(values)
    for below, above in zip(order, order[1:], strict=False):
        places[above] = max(places[above], places[below] + gap)
    limit = top
    for k in reversed(order):
        places[k] = min(places[k], limit)
        limit = places[k] - gap
    return places


def _name_ends(axes: Axes, panel: Panel) -> None:
    """Write names beside the right edge, each at the height at which its line ends."""
    low, high = axes.get_ylim()
    marks = [(mark.value, mark.name, INK, mark.dashes, 0.9) for mark in panel.marks]
    lines = [
        (float(each.y[-1]), each.name, each.colour, each.dashes, 1.5) for each in panel.curves if each.name
    ]
    ends = [*marks, *lines]
    heights = [(end - low) / (high - low) for end, *_ in ends]
    # Of a panel's inches, title and axis take about one.
    places = spread(heights, _BETWEEN / (72 * (_PANEL - 0.75)), _HIGHEST)
    beside: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False}
    for (_, name, colour, dashes, width), height, place in zip(ends, heights, places, strict=True):
        axes.plot(
            (1.0, 1.02, 1.09), (height, place, place), color=colour, linestyle=dashes, lw=width, **beside
        )
        axes.text(1.105, place, name, color=INK, fontsize=FONT, va="center", **beside)
