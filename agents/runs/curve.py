"""The learning curve of a run as a picture, beside the points of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from agents.runs.log import EPISODES, FRAMES, SECONDS, Row, column
from memory_envs.files import replacing

Unit = Literal["frames", "minutes"]

# Episodes that a mean needs before it counts as reached.
FEWEST_EPISODES = 100

INK, GRID = "#2b2f38", "#e6e8ec"

_OURS: dict[str, Any] = {"color": "#0b6e99", "linewidth": 2.4, "solid_capstyle": "round"}
_PUBLISHED: dict[str, Any] = {
    "linestyle": "--",
    "marker": "o",
    "linewidth": 1.2,
    "markersize": 4,
    "alpha": 0.85,
}


@dataclass(frozen=True)
class Published:
    """Points read off a published curve, to about 0.01 in success.

    Attributes:
        name: Of the method.
        colour: To draw it in.
        frames: Millions of frames -> success.
        minutes: Minutes -> success, on the paper's machine.
    """

    name: str
    colour: str
    frames: tuple[tuple[float, float], ...]
    minutes: tuple[tuple[float, float], ...]


# Parisotto & Salakhutdinov 2021, the figure of 9x9 I-Maze; 36 threads and two GPUs.
PAPER = (
    Published(
        "ALD",
        "#d1603d",
        ((1, 0.12), (2, 0.42), (2.5, 0.75), (3, 0.96), (3.25, 0.99)),
        ((2, 0.23), (3, 0.52), (4, 0.87), (4.9, 0.99)),
    ),
    Published(
        "GTrXL",
        "#8c6bb1",
        ((1, 0.34), (1.25, 0.65), (1.5, 0.81), (1.75, 0.99)),
        ((3, 0.08), (4, 0.21), (4.9, 0.37)),
    ),
    Published(
        "Asymmetric AC",
        "#c79a2b",
        ((2, 0.11), (3, 0.18), (4, 0.32), (5, 0.46)),
        ((2, 0.11), (3, 0.18), (4, 0.32), (4.9, 0.46)),
    ),
    Published(
        "LSTM",
        "#7f8794",
        ((2, 0.04), (3, 0.05), (4, 0.07), (5, 0.08)),
        ((3.2, 0.09), (4, 0.14), (4.9, 0.21)),
    ),
)

_LABELS: dict[Unit, str] = {"frames": "million frames", "minutes": "minutes of training"}


def published_points(env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[Published, ...]:
    """Return the paper's curves for an environment; none unless it is 9x9 I-Maze as it was calibrated."""
    is_paper_maze = env_id == "MemoryEnvs/IMaze-v0" and dict(env_kwargs) in ({}, {"size": 9})
    return PAPER if is_paper_maze else ()


def save_curve(path: Path, rows: list[Row], title: str, published: Sequence[Published] = ()) -> None:
    """Draw success and return over frames and over minutes.

    Args:
        path: PNG to write.
        rows: Of progress.csv.
        title: Above the picture.
        published: Curves to draw beside ours in the panels of success.
    """
    figure = Figure(figsize=(11, 7.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.012, ha="left", fontsize=14, fontweight="bold", color=INK)
    if published:
        handles = [Line2D([], [], **_OURS), Line2D([], [], color=INK, **_PUBLISHED)]
        labels = ["this run", "the paper, read off its figures"]
        figure.legend(handles, labels, loc="upper right", ncols=2, frameon=False, fontsize=10, labelcolor=INK)
    units: tuple[Unit, Unit] = ("frames", "minutes")
    for (success, mean_return), unit in zip(figure.subplots(2, 2).T, units, strict=True):
        _draw_success(success, rows, unit, published)
        _draw_return(mean_return, rows, unit)
    with replacing(path) as file:
        figure.savefig(file, format="png", dpi=140)


def _draw_success(axes: Axes, rows: list[Row], unit: Unit, published: Sequence[Published]) -> None:
    style_axes(axes, unit, "success while training")
    for curve in published:
        _draw_published(axes, curve, unit)
    _draw_ours(axes, rows, unit, "rollout/success_rate")
    axes.set_xlim(left=0)
    axes.set_ylim(-0.03, 1.12)


def _draw_published(axes: Axes, curve: Published, unit: Unit) -> None:
    x, y = zip(*(curve.frames if unit == "frames" else curve.minutes), strict=True)
    axes.plot(x, y, color=curve.colour, **_PUBLISHED)
    end = (x[-1], y[-1])
    axes.annotate(curve.name, end, (8, -3), textcoords="offset points", color=curve.colour, fontsize=9)
    axes.set_xlim(right=max(6.0, axes.get_xlim()[1]))  # room for the names


def _draw_return(axes: Axes, rows: list[Row], unit: Unit) -> None:
    style_axes(axes, unit, "return while training")
    _draw_ours(axes, rows, unit, "rollout/ep_rew_mean")
    axes.set_xlim(left=0)


def _draw_ours(axes: Axes, rows: list[Row], unit: Unit, metric: str) -> None:
    x, y = position(rows, unit), np.array(column(rows, metric))
    if not np.isfinite(y).any():
        axes.annotate("nothing logged", (0.5, 0.5), xycoords="axes fraction", ha="center", color=INK)
        return
    marker = "o" if np.isfinite(y).sum() < 3 else None
    axes.plot(x, y, marker=marker, zorder=5, **_OURS)


def style_axes(axes: Axes, unit: Unit, label: str) -> None:
    """Give axes their title and the style that all our pictures share."""
    axes.set_title(label, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(_LABELS[unit], color=INK)
    axes.grid(color=GRID, lw=0.9)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#b5bac4")


def position(rows: list[Row], unit: Unit) -> np.ndarray:
    """Return the x coordinates of rows, in millions of frames or in minutes."""
    if unit == "frames":
        return np.array(column(rows, FRAMES)) / 1e6
    return np.array(column(rows, SECONDS)) / 60


def reached(rows: list[Row], success: float, unit: Unit) -> float | None:
    """Return the position of the first row with a success rate of at least `success`, or None.

    Rows of fewer than FEWEST_EPISODES episodes do not count: the first episodes to end are short ones, and
    these are successes more often than others.
    """
    rows = [row for row in rows if has_settled(row)]
    for where, rate in zip(position(rows, unit), column(rows, "rollout/success_rate"), strict=True):
        if not math.isnan(rate) and rate >= success:
            return float(where)
    return None


def has_settled(row: Row) -> bool:
    """Return whether the means of a row cover enough episodes, or their number was not logged."""
    return not row.get(EPISODES) or int(row[EPISODES]) >= FEWEST_EPISODES
