"""The experiments of a task side by side: how good, how probably better, and what they cost."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.results.acting import StepTime, StepTimes
from agents.results.runs import Group
from agents.results.scores import improvement, score
from agents.results.statistics import Estimate
from agents.runs.log import CPU_SECONDS, column

# Whose probability of improvement is told: the end of a preset's name.
SUBJECT = "ald"


@dataclass(frozen=True)
class Comparison:
    """One experiment among those of its task.

    Attributes:
        name: Of the experiment.
        seeds: Number of runs.
        score: Normalised score of the final models, with sampled actions.
        greedy: The same with greedy actions.
        improvement: How probably a run of the subject is better than one of this; see `scores.improvement`.
            None for the subject itself and where there is none.
        cpu_minutes: Median over runs of the processor time of training; None if it was not logged.
        acting: Batch -> time of one step.
    """

    name: str
    seeds: int
    score: Estimate | None
    greedy: Estimate | None
    improvement: Mapping[str, Estimate | None] | None
    cpu_minutes: float | None
    acting: Mapping[int, StepTime]


def compare(groups: Sequence[Group], acting: StepTimes, subject: str = SUBJECT) -> list[Comparison]:
    """Compare the experiments of one task.

    Args:
        groups: The experiments.
        acting: The time that a step of each takes; may lack some.
        subject: The end of the name of the one whose probability of improvement is told.
    """
    ours = find_subject(groups, subject)
    return [_comparison(group, ours, acting.get(group.name, {})) for group in groups]


def find_subject(groups: Sequence[Group], subject: str = SUBJECT) -> Group | None:
    """Return the experiment whose name ends with "/subject", the shortest such name, if there is one."""
    found = [group for group in groups if group.name.rpartition("/")[2] == subject]
    return min(found, key=lambda group: len(group.name), default=None)


def _comparison(group: Group, ours: Group | None, acting: Mapping[int, StepTime]) -> Comparison:
    return Comparison(
        name=group.name,
        seeds=len(group.runs),
        score=score(group),
        greedy=score(group, "deterministic"),
        improvement=None if ours is None or ours.name == group.name else improvement(ours, group),
        cpu_minutes=_cpu_minutes(group),
        acting=acting,
    )


def _cpu_minutes(group: Group) -> float | None:
    """Logs of before this was written down, or of others, have no such column."""
    totals = [column(run.rows[-1:], CPU_SECONDS) for run in group.runs]
    known = [total[0] / 60 for total in totals if total and total[0] == total[0]]
    return statistics.median(known) if known else None
