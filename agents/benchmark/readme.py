"""The page of a benchmark: its figures and tables as Markdown, from the raw data alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.benchmark.figures import Figures
from agents.figures.table import Table
from agents.results.acting import StepTimes
from agents.results.comparison import SUBJECT, compare, find_subject
from agents.results.looks import titles
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.tables import (
    PAPER,
    all_tasks_table,
    comparison_table,
    finals_table,
    milestones_table,
)
from agents.results.verdicts import YARDSTICK, verdict_table
from agents.runs.curve import UNITS, published_points
from memory_envs.files import replacing

PAGE = "README.md"
_CAPTION = (
    "Line: the interquartile mean over seeds; band: its 95 % bootstrap interval. Of fewer than three seeds, "
    "each run; where there are few runs, each as a thin line as well. Where some seeds learn and others do "
    "not, the mean lies where none of them is."
)
_ORIGIN = "<!-- Written by `python -m agents.benchmark figures`: change what it reads, not this. -->"


def save_readme(
    runs: Sequence[Run],
    acting: StepTimes,
    folder: Path,
    figures: Mapping[str, Figures],
    subject: str = SUBJECT,
    clock: Clock = "wall",
) -> Path:
    """Write README.md, which a page of the documentation can include.

    Args:
        runs: Of the benchmark.
        acting: The time that a step of each policy takes.
        folder: Of the raw data.
        figures: Of each task; linked to from the folder.
        subject: As in `compare`.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
    """
    parts = [_ORIGIN]
    for task, of_task in by_task(runs).items():
        groups = grouped(of_task)
        parts += [f"## {task}", *_markdown(verdict_table(groups, clock))]
        parts += [_picture(f"learning curves of {task}", figures[task].curves, folder), _CAPTION]
        parts += ["### In detail", _presets(groups), *_details(groups, acting, subject, clock)]
        if (comparison := figures[task].comparison) is not None:
            label = f"{task}: scores, probabilities and costs side by side"
            parts.append(_picture(label, comparison, folder))
    if (of_all := all_tasks_table(runs)) is not None:
        parts += ["## All tasks", of_all.markdown(), of_all.note]
    with replacing(folder / PAGE) as file:
        file.write_bytes("\n\n".join([*parts, made_with(runs, clock)]).encode() + b"\n")
    return folder / PAGE


def _details(groups: Sequence[Group], acting: StepTimes, subject: str, clock: Clock) -> Iterator[str]:
    """Tables of few columns each, so that none is wider than a page."""
    first = groups[0].runs[0]
    soon = milestones_table(groups, published_points(first.env_id, first.env_kwargs), clock)
    yield from (_markdown(soon.part(*_half(soon, k)))[0] for k in (0, 1))
    yield soon.note
    good = finals_table(groups)
    yield from (_markdown(good.part(*columns))[0] for columns in ((0, 1, 3), (0, 2, 4)))
    yield good.note
    compared = compare(groups, acting, subject)
    beside = comparison_table(compared, find_subject(groups, subject), titles(groups))
    probable = [k - 1 for k, name in enumerate(beside.columns) if name.startswith("P(better)")]
    others = [k for k in range(len(beside.columns) - 1) if k not in probable]
    yield _markdown(beside.part(*others))[0]
    if probable:
        yield _markdown(beside.part(*probable))[0]
    yield beside.note


def _half(table: Table, number: int) -> range:
    """The columns of the first or second unit."""
    count = (len(table.columns) - 1) // len(UNITS)
    return range(count * number, count * (number + 1))


def _presets(groups: Sequence[Group]) -> str:
    """Which experiment is called what."""
    names = titles(groups)
    return f"Presets: {'; '.join(f'{names[group.name]} `{group.name}`' for group in groups)}."


def _picture(label: str, path: Path, folder: Path) -> str:
    return f"![{label}]({os.path.relpath(path, folder)})"


def _markdown(table: Table) -> tuple[str, str]:
    """The table, what the paper says and what agents are compared with in italics, and its note."""
    marked = [
        row._replace(name=f"*{row.name}*") if row.kind in (PAPER, YARDSTICK) else row for row in table.rows
    ]
    return table._replace(rows=marked).markdown(), table.note


def made_with(runs: Sequence[Run], clock: Clock) -> str:
    """Return machine and versions of runs as a sentence, each value once."""
    sessions = [run.session for run in runs]
    libraries = [each.get("libraries", {}) for each in sessions]
    beside = [each["beside"] for each in sessions if each.get("beside") is not None]
    facts = {
        "processor": _distinct(each.get("processor") for each in sessions),
        "cores": _distinct(each.get("cores") for each in sessions),
        "threads of a run": _distinct(run.settings.get("num_threads") for run in runs),
        "Python": _distinct(each.get("python") for each in sessions),
        "torch": _distinct(each.get("torch") for each in libraries),
        "revision": _distinct(each.get("git") for each in sessions),
        "minutes": {"wall": "of the wall clock", "cpu": "of the processor"}[clock],
        "other runs of the benchmark beside a run": (
            f"{min(beside):.1f} to {max(beside):.1f} on average" if beside else ""
        ),
    }
    told = ", ".join(f"{name}: {value}" for name, value in facts.items() if value)
    return f"{len(runs)} runs. Made with {told}." if told else f"{len(runs)} runs."


def _distinct(values: Iterable[Any]) -> str:
    return " and ".join(sorted({str(value) for value in values if value is not None}))
