"""The page of a benchmark: its figures and tables as Markdown, from the raw data alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.figures.table import Table
from agents.results.acting import StepTimes
from agents.results.comparison import SUBJECT, compare, find_subject
from agents.results.runs import Clock, Run, by_task, grouped
from agents.results.tables import (
    PAPER,
    all_tasks_table,
    comparison_table,
    finals_table,
    milestones_table,
)
from agents.runs.curve import published_points
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
    figures: Mapping[str, tuple[Path, Path]],
    subject: str = SUBJECT,
    clock: Clock = "wall",
) -> Path:
    """Write README.md, which a page of the documentation can include.

    Args:
        runs: Of the benchmark.
        acting: The time that a step of each policy takes.
        folder: Of the raw data.
        figures: By task, its curves and its comparison; linked to from the folder.
        subject: As in `compare`.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
    """
    parts = [_ORIGIN]
    for task, of_task in by_task(runs).items():
        curves, comparison = (os.path.relpath(path, folder) for path in figures[task])
        groups = grouped(of_task)
        published = published_points(of_task[0].env_id, of_task[0].env_kwargs)
        compared = compare(groups, acting, subject)
        parts += [
            f"## {task}",
            f"![learning curves of {task}]({curves})",
            _CAPTION,
            *_markdown(milestones_table(groups, published, clock)),
            *_markdown(finals_table(groups)),
            f"![{task}: scores, probabilities and costs side by side]({comparison})",
            *_markdown(comparison_table(compared, find_subject(groups, subject))),
        ]
    if (of_all := all_tasks_table(runs)) is not None:
        parts += ["## All tasks", of_all.markdown(), of_all.note]
    with replacing(folder / PAGE) as file:
        file.write_bytes("\n\n".join([*parts, made_with(runs, clock)]).encode() + b"\n")
    return folder / PAGE


def _markdown(table: Table) -> tuple[str, str]:
    """The table, experiments as code and what the paper says in italics, and its note."""
    marked = [
        row._replace(name=f"*{row.name}*" if row.kind == PAPER else f"`{row.name}`") for row in table.rows
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
