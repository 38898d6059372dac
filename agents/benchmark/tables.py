"""The page of a benchmark: its figures and tables as Markdown, from the raw data alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agents.results.acting import Costs
from agents.results.comparison import SUBJECT, Comparison, compare, find_subject
from agents.results.milestones import LEVELS, milestone_rows
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.scores import LEARNED, final_scores, measure_of
from agents.results.statistics import Estimate, aggregate
from agents.runs.curve import Unit, published_points
from agents.runs.progress import format_duration
from memory_envs.files import replacing

PAGE = "README.md"
NONE = "—"
_CAPTION = (
    "Line: the interquartile mean over seeds; band: its 95 % bootstrap interval. Of fewer than three seeds, "
    "each run. Where some seeds learn and others do not, the mean lies where none of them is."
)
_ORIGIN = "<!-- Written by `python -m agents.benchmark figures`: change what it reads, not this. -->"


def save_page(
    runs: Sequence[Run],
    costs: Costs,
    folder: Path,
    figures: Mapping[str, tuple[Path, ...]],
    subject: str = SUBJECT,
    clock: Clock = "wall",
) -> Path:
    """Write README.md, which a page of the documentation can include.

    Args:
        runs: Of the benchmark.
        costs: Of acting.
        folder: Of the raw data.
        figures: By task; linked to from the folder.
        subject: As in `compare`.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
    """
    links = {task: [os.path.relpath(path, folder) for path in paths] for task, paths in figures.items()}
    parts = [
        _task(task, of_task, costs, links[task], subject, clock) for task, of_task in by_task(runs).items()
    ]
    with replacing(folder / PAGE) as file:
        file.write_bytes(
            "\n\n".join([_ORIGIN, *parts, *_all_tasks(runs), _made_with(runs, clock)]).encode() + b"\n"
        )
    return folder / PAGE


def _task(
    task: str, runs: Sequence[Run], costs: Costs, figures: Sequence[str], subject: str, clock: Clock
) -> str:
    groups = grouped(runs)
    curves, comparison = figures
    rows = compare(groups, costs, subject)
    parts = [
        f"## {task}",
        f"![learning curves of {task}]({curves})",
        _CAPTION,
        _how_soon(groups, clock),
        _how_good(groups),
        f"![{task}: scores, probabilities and costs side by side]({comparison})",
        _side_by_side(rows, find_subject(groups, subject)),
    ]
    return "\n\n".join(parts)


def _how_soon(groups: Sequence[Group], clock: Clock) -> str:
    first, minutes = groups[0].runs[0], "minutes" if clock == "wall" else "CPU minutes"
    measure = "success" if measure_of(first) == "success" else "normalised return"
    levels = [f"{level:.0%}" for level in LEVELS]
    head = [
        "experiment",
        *(f"M frames to {each}" for each in levels),
        *(f"{minutes} to {each}" for each in levels),
    ]
    rows = milestone_rows(groups, published_points(first.env_id, first.env_kwargs))
    lines = [[_name(row), *_reached(row, "frames"), *_reached(row, "minutes")] for row in rows]
    note = (
        f"Where the {measure} while training first came so far: the median over seeds, those that never did "
        "being last; in brackets how many did, if not all."
    )
    return _table([head, *lines]) + "\n\n" + note


def _name(row: Mapping[str, Any]) -> str:
    return f"*the paper's {row['name']}*" if row["paper"] else f"`{row['name']}`"


def _reached(row: Mapping[str, Any], unit: Unit) -> list[str]:
    places = row["reached"][unit]
    if row["paper"]:
        return [_place(place, unit) for place in places]
    return [_place(each["median"], unit) + _share(each) for each in places]


def _place(place: float | None, unit: Unit) -> str:
    return NONE if place is None else f"{place:.2f}" if unit == "frames" else format_duration(60 * place)


def _share(each: Mapping[str, Any]) -> str:
    return f" ({each['reached']} of {each['runs']})" if each["reached"] < each["runs"] else ""


def _how_good(groups: Sequence[Group]) -> str:
    head = ["experiment", "seeds", "success", "return", "success, likeliest", "return, likeliest"]
    lines = [
        _final(row, len(group.runs)) for row, group in zip(milestone_rows(groups, ()), groups, strict=True)
    ]
    note = (
        "Of the final models, over episodes that no training has seen: the interquartile mean over seeds "
        "with its 95 % bootstrap interval (of a single run, the interval over its episodes), with actions "
        "sampled, as while training, and with the likeliest ones."
    )
    return _table([head, *lines]) + "\n\n" + note


def _final(row: Mapping[str, Any], seeds: int) -> list[str]:
    cells = [
        _interval(row["final"].get(actions, {}).get(metric))
        for actions in ("sampled", "deterministic")
        for metric in ("success", "mean_return")
    ]
    return [_name(row), str(seeds), *cells]


def _side_by_side(rows: Sequence[Comparison], ours: Group | None) -> str:
    batches = sorted({batch for row in rows for batch in row.acting})
    is_compared = any(row.improvement for row in rows)
    against = ["score", f"frames to {LEARNED:.0%}", f"minutes to {LEARNED:.0%}"] if is_compared else []
    head = [
        *("experiment", "normalised score", "the same, likeliest"),
        *(f"P(better): {each}" for each in against),
        *("CPU minutes", *(f"µs a step, batch {batch}" for batch in batches)),
    ]
    lines = [_compared(row, batches, is_compared) for row in rows]
    note = "Normalised score: 0 is the best policy without memory, 1 perfect memory."
    if ours is not None and is_compared:
        note += (
            f" P(better): how probable it is that a run of `{ours.name}` ends with a higher score than one "
            f"of the experiment, or comes to {LEARNED:.0%} sooner; a tie counts one half."
        )
    return _table([head, *lines]) + "\n\n" + note


def _compared(row: Comparison, batches: Sequence[int], with_improvement: bool) -> list[str]:
    compared = row.improvement or {}
    probable = [_estimate(compared.get(key)) for key in ("score", "frames", "minutes")]
    times = [f"{row.acting[batch].microseconds:.0f}" if batch in row.acting else NONE for batch in batches]
    minutes = NONE if row.cpu_minutes is None else f"{row.cpu_minutes:.1f}"
    scores = [_estimate(row.score), _estimate(row.likeliest)]
    return [f"`{row.name}`", *scores, *(probable if with_improvement else []), minutes, *times]


def _all_tasks(runs: Sequence[Run]) -> list[str]:
    """The scores of agents over all tasks, if there are several, of those that ran on all of them."""
    tasks = [grouped(of_task) for of_task in by_task(runs).values()]
    if len(tasks) < 2:
        return []
    names = dict.fromkeys(_agent(group) for groups in tasks for group in groups)
    lines = [[name, *cells] for name in names if (cells := _over_tasks(name, tasks))]
    head = ["agent", "normalised score", "the same, likeliest"]
    note = f"Interquartile mean over the runs of all {len(tasks)} tasks; the bootstrap is stratified by task."
    return ["## All tasks", _table([head, *lines]), note] if lines else []


def _over_tasks(name: str, tasks: Sequence[Sequence[Group]]) -> list[str]:
    groups = [group for groups in tasks for group in groups if _agent(group) == name]
    scores = [[final_scores(group, how) for group in groups] for how in ("sampled", "deterministic")]
    if len(groups) != len(tasks) or not all(all(each) for each in scores):
        return []
    return [_estimate(aggregate(each)) for each in scores]


def _agent(group: Group) -> str:
    """The name without its task: "ald" of "imaze/ald", "paper/ald" of "paper/imaze/ald"."""
    *before, agent = group.name.split("/")
    return "/".join([*before[:-1], agent])


def _made_with(runs: Sequence[Run], clock: Clock) -> str:
    """Machine and versions, each value once."""
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


def _interval(summary: Mapping[str, float | None] | None) -> str:
    return NONE if summary is None else _estimate(Estimate(**summary))  # type: ignore[arg-type]


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return NONE
    known = [each for each in estimate if each is not None]
    digits = 3 if max(map(abs, known)) < 2 else 1  # of scores and successes, and of returns far above 1
    mean, *ends = (f"{each:.{digits}f}" for each in known)
    return f"{mean} [{', '.join(ends)}]" if ends else mean


def _table(lines: Sequence[Sequence[str]]) -> str:
    head, *rest = (f"| {' | '.join(cells)} |" for cells in lines)
    return "\n".join([head, "|---" + "|---:" * (len(lines[0]) - 1) + "|", *rest])
