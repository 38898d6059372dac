"""What memory is worth and what it costs: `python -m agents.benchmark.worth docs/results/imaze`.

One picture: success of every seed's final model against the time that an action takes, on a logarithmic axis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tyro
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter, StrMethodFormatter

from agents.figures.curves import INK, style_axes
from agents.figures.files import save_png, svg
from agents.figures.style import own_style
from agents.results.acting import StepTimes, read_acting
from agents.results.records import read_records
from agents.results.runs import Group, grouped
from agents.results.scores import certificate_of
from memory_envs.certificate import Certificate
from memory_envs.commands import run_program
from memory_envs.files import replacing
from memory_envs.registry.looks import LOOKS, Look

NAME = "worth"
LABEL = "Success of the agents on 9x9 I-Maze against the microseconds that an action takes"


class Place(NamedTuple):
    """Where the name of an agent stands, in points from the mean of its seeds."""

    right: float
    up: float
    align: str


PLACES: Mapping[str, Place] = {
    "random": Place(9, 4, "left"),
    "ppo": Place(-9, 4, "right"),
    "recurrent-ppo": Place(9, 2, "left"),
    "vmpo-lstm": Place(-9, 0, "right"),
    "asymmetric": Place(9, 0, "left"),
    "ald": Place(4, 15, "right"),
    "vmpo-gtrxl": Place(0, 15, "center"),
}
"""By the name of a look; what is not named here is not drawn."""


@own_style()
def draw_worth(groups: Sequence[Group], acting: StepTimes, certificate: Certificate) -> Figure:
    """Return the picture of one task.

    Args:
        groups: Its experiments; those without an evaluation or a time of acting are left out.
        acting: The time that a step of each takes.
        certificate: What memory is worth in it, by success.
    """
    figure = Figure(figsize=(6.4, 4.1), layout="constrained", facecolor="white")
    axes = figure.subplots()
    style_axes(axes, "success of final models", "µs to choose an action, logarithmic")
    axes.set_xscale("log")
    for group in groups:
        end = group.name.rpartition("/")[2]
        successes = [run.evaluation["sampled"]["success"]["mean"] for run in group.runs if run.evaluation]
        if end in PLACES and successes and 1 in acting.get(group.name, {}):
            _draw_group(axes, LOOKS[end], PLACES[end], acting[group.name][1].microseconds, successes)
    _draw_band(axes, certificate.memoryless.success.upper, certificate.perfect_memory.success.upper)
    axes.set_ylim(-0.06, 1.12)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(labelsize=11)
    axes.xaxis.label.set_fontsize(11)
    return figure


def _draw_group(
    axes: Axes, look: Look, place: Place, microseconds: float, successes: Sequence[float]
) -> None:
    ends, mean = [min(successes), max(successes)], sum(successes) / len(successes)
    axes.plot([microseconds] * 2, ends, lw=1.5, alpha=0.5, color=look.colour)
    axes.plot([microseconds] * len(successes), successes, "o", ms=6.5, alpha=0.85, mew=0, color=look.colour)
    beside: dict[str, Any] = {"textcoords": "offset points", "ha": place.align, "va": "center"}
    axes.annotate(
        look.title, (microseconds, mean), (place.right, place.up), color=INK, fontsize=11.5, **beside
    )


def _draw_band(axes: Axes, without: float, perfect: float) -> None:
    low, high = 8, 2000
    axes.set_xlim(low, high)
    axes.axhspan(without, perfect, color=LOOKS["ald"].colour, alpha=0.09, lw=0)
    axes.axhline(without, color=INK, lw=1)
    beside: dict[str, Any] = {"color": INK, "fontsize": 11.5, "ha": "left"}
    axes.text(
        low * 1.12, (without + perfect) / 2, "what memory is worth", va="center", style="italic", **beside
    )
    axes.text(low * 1.12, without - 0.02, "best without memory: one half, proved", va="top", **beside)
    axes.text(low * 1.12, perfect + 0.02, "perfect memory", va="bottom", **beside)
    axes.axhline(perfect, color=INK, lw=1, linestyle=":")


def save_worth(folder: Path, out: Path) -> list[Path]:
    """Draw a benchmark of one task as NAME.png, and as NAME.svg, which follows the style of its page.

    Args:
        folder: Raw data that `python -m agents.benchmark collect` wrote.
        out: Where the two are written.

    Raises:
        FileNotFoundError: There are no such data.
        ValueError: No certificate ships for the task.
    """
    groups, acting = grouped(read_records(folder)), read_acting(folder)
    certificate = certificate_of(groups[0].runs[0])
    if certificate is None:
        raise ValueError(f"folder must hold runs of a task whose certificate ships, got {folder}")
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / f"{NAME}.svg") as file:
        file.write_text(svg(draw_worth(groups, acting, certificate), NAME, LABEL), encoding="utf-8")
    return [out / f"{NAME}.svg", save_png(out / f"{NAME}.png", draw_worth(groups, acting, certificate))]


def _program(folder: tyro.conf.Positional[Path], out: Path = Path("docs/images/first_page")) -> None:
    """Draw what memory is worth and what it costs.

    Args:
        folder: Raw data that `python -m agents.benchmark collect` wrote, such as docs/results/imaze.
        out: Folder of the pictures.
    """
    for path in save_worth(folder, out):
        print(path)


if __name__ == "__main__":
    run_program(lambda: tyro.cli(_program))
