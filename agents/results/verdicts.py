"""What came out, in one table per task: how good each agent is in the end, how soon, and what that says."""

from __future__ import annotations

from collections.abc import Sequence

from agents.figures.table import NONE, Row, Table
from agents.results.looks import families
from agents.results.milestones import Milestone, final, milestone
from agents.results.runs import Clock, Group
from agents.results.scores import LEARNED, certificate_of, measure_of
from agents.results.statistics import Estimate
from agents.results.tables import place, shown
from agents.runs.curve import CPU_MINUTES, UNITS
from agents.runs.yardsticks import yardsticks
from memory_envs.certificate import Certificate

# A row of what agents are compared with.
YARDSTICK = "yardstick"


def verdict_table(groups: Sequence[Group], clock: Clock) -> Table:
    """Return the verdict on every experiment of a task, and what it is compared with.

    Args:
        groups: The experiments.
        clock: That counted the minutes of these runs, see `Run.timed_by`.
    """
    first = groups[0].runs[0]
    measure, certificate = measure_of(first), certificate_of(first)
    members = [(family.scale, each) for family in families(groups) for each in family.members]
    rows = [
        Row(f"{scale}: {each.title}" if scale else each.title, _cells(each.group, measure, certificate))
        for scale, each in members
    ]
    rows += [
        Row(mark.name, ["", f"{mark.value:.3g}", "", "", "", ""], YARDSTICK)
        for mark in yardsticks(certificate, measure)
    ]
    minutes = CPU_MINUTES if clock == "cpu" else "minutes"
    head = [
        "agent",
        "seeds",
        measure,
        f"seeds at {LEARNED:.0%}",
        "M frames to it",
        f"{minutes} to it",
        "verdict",
    ]
    return Table(head, rows, _note(measure, certificate))


def verdict(
    estimate: Estimate | None, certificate: Certificate | None, measure: str, reached: Milestone
) -> str:
    """Return what came out, in words.

    Args:
        estimate: What the final models do.
        certificate: Of the task, which says what no memory and perfect memory are worth.
        measure: "success" or "return".
        reached: How many runs came to LEARNED while training.
    """
    if estimate is None or certificate is None or estimate.low is None:
        return NONE
    if 0 < reached.reached < reached.runs:
        return f"learned by {reached.reached} of {reached.runs}"
    _, without, perfect = (mark.value for mark in yardsticks(certificate, measure))
    low = (estimate.low - without) / (perfect - without)
    if low >= LEARNED:
        return "solved"
    return "uses memory" if low > 0 else "no use of memory seen"


def _cells(group: Group, measure: str, certificate: Certificate | None) -> list[str]:
    found = final(group, "success" if measure == "success" else "mean_return", "sampled")
    reached = [milestone(group.runs, LEARNED, unit) for unit in UNITS]
    return [
        str(len(group.runs)),
        shown(found),
        f"{reached[0].reached} of {reached[0].runs}",
        *(place(each.median, unit) for each, unit in zip(reached, UNITS, strict=True)),
        verdict(found, certificate, measure, reached[0]),
    ]


def _note(measure: str, certificate: Certificate | None) -> str:
    what = measure if measure == "success" else "normalised return"
    note = (
        f"{measure.capitalize()} of the final models with sampled actions: the interquartile mean over seeds "
        f"and its 95 % interval. At {LEARNED:.0%}: the {what} while training came so far; frames and minutes "
        "are medians over all seeds."
    )
    if certificate is not None:
        note += (
            f" Solved: the interval lies above {LEARNED:.0%} of the way from no memory to perfect memory. "
            f"Learned by some: only these came to {LEARNED:.0%}. Uses memory: the interval lies above what "
            "can be had without."
        )
    return note
