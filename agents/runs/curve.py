"""The learning curve of a run as a picture, beside the points of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from agents.figures.curves import Curve, Panel, draw_panels
from agents.figures.files import save_png
from agents.runs.log import EPISODES, FRAMES, SECONDS, Row, column
from agents.runs.yardsticks import yardsticks
from memory_envs.certificate import Certificate
from memory_envs.registry.looks import LOOKS
from memory_envs.registry.looks import PAPER as PAPER_DASHES

Unit = Literal["frames", "minutes"]
UNITS: tuple[Unit, Unit] = ("frames", "minutes")
UNIT_LABELS: dict[Unit, str] = {"frames": "million frames", "minutes": "minutes of training"}
CPU_MINUTES = "CPU minutes"

METRICS = {"success": "rollout/success_rate", "return": "rollout/ep_rew_mean"}
# Of the axis on which a metric is drawn; of returns whatever they need.
RANGES = {"success": (-0.02, 1.03), "return": None}

# Episodes that a mean needs before it counts as reached.
FEWEST_EPISODES = 100


@dataclass(frozen=True)
class Published:
    """Points read off a published curve, to about 0.01 in success.

    Attributes:
        agent: Whose name and colour it has, see `memory_envs.registry.looks`.
        frames: Millions of frames -> success.
        minutes: Minutes -> success, on the paper's machine.
    """

    agent: str
    frames: tuple[tuple[float, float], ...]
    minutes: tuple[tuple[float, float], ...]

    @property
    def name(self) -> str:
        """Return what the agent is called."""
        return LOOKS[self.agent].title

    def curve(self, unit: Unit) -> tuple[np.ndarray, np.ndarray]:
        """Return positions and successes over frames or over minutes, [N] each."""
        x, y = zip(*(self.frames if unit == "frames" else self.minutes), strict=True)
        return np.array(x), np.array(y)


# Parisotto & Salakhutdinov 2021, the figure of 9x9 I-Maze; 36 threads and two GPUs.
PAPER = (
    Published(
        "ald",
        ((1, 0.12), (2, 0.42), (2.5, 0.75), (3, 0.96), (3.25, 0.99)),
        ((2, 0.23), (3, 0.52), (4, 0.87), (4.9, 0.99)),
    ),
    Published(
        "vmpo-gtrxl",
        ((1, 0.34), (1.25, 0.65), (1.5, 0.81), (1.75, 0.99)),
        ((3, 0.08), (4, 0.21), (4.9, 0.37)),
    ),
    Published(
        "asymmetric",
        ((2, 0.11), (3, 0.18), (4, 0.32), (5, 0.46)),
        ((2, 0.11), (3, 0.18), (4, 0.32), (4.9, 0.46)),
    ),
    Published(
        "vmpo-lstm",
        ((2, 0.04), (3, 0.05), (4, 0.07), (5, 0.08)),
        ((3.2, 0.09), (4, 0.14), (4.9, 0.21)),
    ),
)


def published_points(env_id: str, env_kwargs: Mapping[str, Any]) -> tuple[Published, ...]:
    """Return the paper's curves for an environment; none unless it is 9x9 I-Maze as it was calibrated."""
    is_paper_maze = env_id == "MemoryEnvs/IMaze-v0" and dict(env_kwargs) in ({}, {"size": 9})
    return PAPER if is_paper_maze else ()


def published_curves(published: Sequence[Published], unit: Unit) -> list[Curve]:
    """Return published points of success as curves to draw."""
    return [
        Curve(
            *each.curve(unit),
            f"paper: {each.name}",
            LOOKS[each.agent].colour,
            PAPER_DASHES,
            width=1.2,
            marker="o",
        )
        for each in published
    ]


def save_curve(
    path: Path,
    rows: list[Row],
    title: str,
    published: Sequence[Published] = (),
    certificate: Certificate | None = None,
    colour: str = Curve.colour,
) -> None:
    """Draw success and return over frames and over minutes.

    Args:
        path: PNG to write.
        rows: Of progress.csv.
        title: Above the picture.
        published: Curves to draw beside ours in the panels of success.
        certificate: Of the task, which says what the curves are compared with.
        colour: Of the run's own curve.
    """
    panels = [
        [_panel(rows, metric, unit, published, colour)._replace(marks=yardsticks(certificate, metric))]
        for metric in METRICS
        for unit in UNITS
    ]
    save_png(path, draw_panels(panels, title))


def panel_title(metric: str, x_label: str, what: str = "") -> str:
    """Return what is shown over what, and what tells its lines apart, where that is a number."""
    return f"by {what}, over {x_label}" if what else f"{metric} while training over {x_label}"


def _panel(rows: list[Row], metric: str, unit: Unit, published: Sequence[Published], colour: str) -> Panel:
    x, y = position(rows, unit), np.array(column(rows, METRICS[metric]))
    known = np.isfinite(y)
    ours = [Curve(x[known], y[known], "this run", colour, width=2.4)] if known.any() else []
    papers = published_curves(published, unit) if metric == "success" else []
    label = UNIT_LABELS[unit]
    return Panel(panel_title(metric, label), label, [*papers, *ours], RANGES[metric])


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
