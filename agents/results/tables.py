"""The numbers of a task as tables: how soon, how good in the end, and side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np

from agents.figures.curves import Floats
from agents.figures.table import NONE, Row, Table
from agents.results.comparison import Comparison
from agents.results.curves import run_line
from agents.results.looks import titles
from agents.results.milestones import LEVELS, final, milestone, published_milestone
from agents.results.runs import Clock, Group, Run, by_task, grouped
from agents.results.scores import LEARNED, final_scores, measure_of
from agents.results.statistics import Estimate, aggregate
from agents.runs.curve import UNITS, Published, Unit
from agents.runs.progress import format_duration

# The row of a published curve.
PAPER = "paper"
# At which the values of curves are told.
_PLACES = 8
_FINAL = ("success", "return", "success, greedy", "return, greedy")


def milestones_table(groups: Sequence[Group], published: Sequence[Published], clock: Clock) -> Table:
    """Return how soon each experiment came how far, and then the published ones."""
    first, names = groups[0].runs[0], titles(groups)
    measure = "success" if measure_of(first) == "success" else "normalised return"
    return Table(
        ["experiment", *_levels(clock)],
        [
            *(Row(names[group.name], _reached(group.runs)) for group in groups),
            *(Row(f"the paper's {each.name}", _published(each), PAPER) for each in published),
        ],
        f"Where the {measure} while training first came so far: the median over seeds, those that never did "
        "being last; in brackets how many did, if not all.",
    )


def finals_table(groups: Sequence[Group]) -> Table:
    """Return how well the final models of each experiment do."""
    names = titles(groups)
    return Table(
        ["experiment", "seeds", *_FINAL],
        [Row(names[group.name], [str(len(group.runs)), *_final(group)]) for group in groups],
        "Of the final models, over episodes that no training has seen: the interquartile mean over seeds "
        "with its 95 % bootstrap interval (of a single run, the interval over its episodes), with actions "
        "sampled, as while training, and with greedy ones.",
    )


def seeds_table(groups: Sequence[Group], clock: Clock) -> Table:
    """Return the same numbers of every run."""
    names = titles(groups)
    seeds = [replace(group, runs=(run,)) for group in groups for run in group.runs]
    rows = [
        Row(f"{names[one.name]}, seed {one.runs[0].seed}", [*_reached(one.runs), *_final(one)])
        for one in seeds
    ]
    return Table(["run", *_levels(clock), *_FINAL], rows)


def values_table(groups: Sequence[Group], metric: str, published: Sequence[Published] = ()) -> Table:
    """Return what learning curves over frames show at some places, as far as all seeds and points go.

    The last column has what each shows where it ends, as runs may be shorter than others.
    """
    names = titles(groups)
    lines = {names[group.name]: [run_line(run, metric, "frames") for run in group.runs] for group in groups}
    if metric == "success":
        lines |= {f"the paper's {each.name}": [each.curve("frames")] for each in published}
    known = {name: found for name, found in lines.items() if all(len(x) for x, _ in found)}
    last = max((x[-1] for found in known.values() for x, _ in found), default=0.0)
    places = np.linspace(0, last, _PLACES + 1)[1:].tolist()
    rows = [
        Row(name, [*(_value(found, where) for where in places), _last_value(found)])
        for name, found in known.items()
    ]
    return Table([f"{metric} after M frames", *(f"{where:.3g}" for where in places), "at its end"], rows)


def comparison_table(
    rows: Sequence[Comparison], ours: Group | None, names: Mapping[str, str] = MappingProxyType({})
) -> Table:
    """Return scores, probabilities of improvement and costs of the experiments of a task.

    Args:
        rows: The experiments.
        ours: Whose probability of improvement is told.
        names: What the experiments are called, see `looks.titles`.
    """
    batches = sorted({batch for row in rows for batch in row.acting})
    is_compared = any(row.improvement for row in rows)
    against = ["score", *(f"{unit} to {LEARNED:.0%}" for unit in UNITS)] if is_compared else []
    head = [
        *("experiment", "normalised score", "the same, greedy"),
        *(f"P(better): {each}" for each in against),
        *("CPU minutes", *(f"µs a step, batch {batch}" for batch in batches)),
    ]
    note = "Normalised score: 0 is the best policy without memory, 1 perfect memory."
    if ours is not None and is_compared:
        note += (
            f" P(better): how probable it is that a run of {names.get(ours.name, ours.name)} ends with a "
            f"higher score than one of the experiment, or comes to {LEARNED:.0%} sooner; a tie counts half."
        )
    cells = [_compared(row, names.get(row.name, row.name), batches, is_compared) for row in rows]
    return Table(head, cells, note)


def all_tasks_table(runs: Sequence[Run]) -> Table | None:
    """Return the scores over all tasks of the agents that ran on all of them, if there are several tasks."""
    tasks = [grouped(of_task) for of_task in by_task(runs).values()]
    names = dict.fromkeys(_agent(group) for groups in tasks for group in groups)
    rows = [Row(name, cells) for name in names if (cells := _over_tasks(name, tasks))]
    if len(tasks) < 2 or not rows:
        return None
    note = f"Interquartile mean over the runs of all {len(tasks)} tasks; the bootstrap is stratified by task."
    return Table(["agent", "normalised score", "the same, greedy"], rows, note)


def shown(estimate: Estimate | None) -> str:
    """Return an estimate in as many digits as scores and successes need, and returns far above 1."""
    if estimate is None:
        return NONE
    known = [each for each in estimate if each is not None]
    digits = 3 if max(map(abs, known)) < 2 else 1
    mean, *ends = (f"{each:.{digits}f}" for each in known)
    return f"{mean} [{', '.join(ends)}]" if ends else mean


def _levels(clock: Clock) -> list[str]:
    units = ("M frames", "minutes" if clock == "wall" else "CPU minutes")
    return [f"{unit} to {level:.0%}" for unit in units for level in LEVELS]


def _reached(runs: Sequence[Run]) -> list[str]:
    every = [(milestone(runs, level, unit), unit) for unit in UNITS for level in LEVELS]
    return [
        place(each.median, unit) + (f" ({each.reached} of {each.runs})" if each.reached < each.runs else "")
        for each, unit in every
    ]


def _published(each: Published) -> list[str]:
    return [place(published_milestone(each, level, unit), unit) for unit in UNITS for level in LEVELS]


def place(where: float | None, unit: Unit) -> str:
    """Return a position on an axis of frames or minutes as people read it."""
    return NONE if where is None else f"{where:.2f}" if unit == "frames" else format_duration(60 * where)


def _final(group: Group) -> list[str]:
    return [
        shown(final(group, metric, actions))
        for actions in ("sampled", "deterministic")
        for metric in ("success", "mean_return")
    ]


def _value(lines: Sequence[tuple[Floats, Floats]], where: float) -> str:
    if not all(x[0] <= where <= x[-1] for x, _ in lines):
        return NONE
    return shown(aggregate([[float(np.interp(where, x, y)) for x, y in lines]]))


def _last_value(lines: Sequence[tuple[Floats, Floats]]) -> str:
    """What lines show where the first of them ends, and where that is."""
    end = min(float(x[-1]) for x, _ in lines)
    return f"{_value(lines, end)} after {end:.3g}"


def _compared(row: Comparison, name: str, batches: Sequence[int], with_improvement: bool) -> Row:
    compared: Mapping[str, Estimate | None] = row.improvement or {}
    probable = [shown(compared.get(key)) for key in ("score", *UNITS)] if with_improvement else []
    times = [f"{row.acting[batch].microseconds:.0f}" if batch in row.acting else NONE for batch in batches]
    minutes = NONE if row.cpu_minutes is None else f"{row.cpu_minutes:.1f}"
    return Row(name, [shown(row.score), shown(row.greedy), *probable, minutes, *times])


def _over_tasks(name: str, tasks: Sequence[Sequence[Group]]) -> list[str]:
    groups = [group for groups in tasks for group in groups if _agent(group) == name]
    scores = [[final_scores(group, how) for group in groups] for how in ("sampled", "deterministic")]
    if len(groups) != len(tasks) or not all(all(each) for each in scores):
        return []
    return [shown(aggregate(each)) for each in scores]


def _agent(group: Group) -> str:
    """The name without its task: "ald" of "imaze/ald", "paper/ald" of "paper/imaze/ald"."""
    *before, agent = group.name.split("/")
    return "/".join([*before[:-1], agent])
