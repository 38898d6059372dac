"""How soon runs came how far, and how their final models do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from agents.results.runs import Group, Run
from agents.results.scores import first_reach
from agents.results.statistics import Estimate, aggregate
from agents.runs.curve import Published, Unit

LEVELS = (0.5, 0.95, 0.99)


class Milestone(NamedTuple):
    """Where some runs came to a level, in millions of frames or in minutes.

    Attributes:
        median: Over all runs, those that never got there being last; None if that is one of them.
        reached: How many runs got there.
        runs: How many there are.
    """

    median: float | None
    reached: int
    runs: int


def milestone(runs: Sequence[Run], level: float, unit: Unit) -> Milestone:
    """Return where runs first came to a level; see `first_reach`."""
    found = [first_reach(run, level, unit) for run in runs]
    ordered = sorted(math.inf if each is None else each for each in found)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return Milestone(middle if math.isfinite(middle) else None, sum(map(math.isfinite, ordered)), len(found))


def published_milestone(published: Published, level: float, unit: Unit) -> float | None:
    """Return where the line through published points first comes to `level`; None outside of them."""
    points = list(zip(*published.curve(unit), strict=True))
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        if y0 <= level <= y1:
            return float(x0 + (x1 - x0) * (level - y0) / (y1 - y0))
    return None


def final(group: Group, metric: str, actions: str) -> Estimate | None:
    """Return what the evaluations of the final models of some runs say.

    Args:
        group: The runs.
        metric: "success" or "mean_return".
        actions: "sampled" or "deterministic".

    Returns:
        Of one run that of its evaluation's episodes; of several the interquartile mean with the bootstrap
        interval over runs. None without evaluation.
    """
    evaluations = [run.evaluation[actions][metric] for run in group.runs if actions in run.evaluation]
    known = [Estimate(**each) for each in evaluations if each is not None and each["mean"] is not None]
    if len(known) <= 1:
        return known[0] if known else None
    return aggregate([[each.mean for each in known]])
