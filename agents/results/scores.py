"""Scores that can be compared between tasks, and how the runs of one experiment compare with another's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import memory_envs
from agents.results.runs import Group, Run
from agents.results.statistics import Estimate, aggregate, probability_of_improvement
from agents.runs.curve import Unit, has_settled, position, reached
from agents.runs.log import column
from agents.runs.yardsticks import counts_return, known_certificate
from memory_envs.certificate import Certificate

Measure = Literal["success", "return"]

# The share of the measure that counts as having learned, for comparing how soon.
LEARNED = 0.95


def measure_of(run: Run) -> Measure:
    """Return what a task is measured by.

    The return where `counts_return` says so; success elsewhere, or the return if the run never logged a
    success.
    """
    certificate = certificate_of(run)
    if certificate is not None:
        return "return" if counts_return(certificate) else "success"
    return "success" if any(row.get("rollout/success_rate") for row in run.rows) else "return"


def certificate_of(run: Run) -> Certificate | None:
    """Return the certificate of a run's environment; None if nobody has computed one."""
    return known_certificate(run.env_id, run.env_kwargs)


def normalized(run: Run, value: float) -> float | None:
    """Return a mean of the run's measure from 0, the best policy without memory, to 1, perfect memory.

    None where no certificate says what these are worth.
    """
    certificate = certificate_of(run)
    if certificate is None:
        return None
    return memory_envs.normalized_score(run.env_id, value, measure_of(run), certificate=certificate)


def final_score(run: Run, actions: str = "sampled") -> float | None:
    """Return the normalised score of a run's final model; None without evaluation or certificate."""
    evaluation = run.evaluation.get(actions)
    found = evaluation and evaluation["success" if measure_of(run) == "success" else "mean_return"]
    return normalized(run, found["mean"]) if found else None


def first_reach(run: Run, level: float, unit: Unit) -> float | None:
    """Return where a run's measure first came to a level, over its latest training episodes.

    Args:
        run: Whose log.
        level: Of success; of the normalised return where that is what the task is measured by.
        unit: Of the answer: millions of frames or minutes.

    Returns:
        None if it never did, or if nothing says what its returns are worth.
    """
    if measure_of(run) == "success":
        return reached(run.rows, level, unit)
    rows = [row for row in run.rows if has_settled(row)]
    returns = (normalized(run, value) for value in column(rows, "rollout/ep_rew_mean"))
    places = zip(position(rows, unit), returns, strict=True)
    return next((float(place) for place, score in places if score is not None and score >= level), None)


def final_scores(group: Group, actions: str = "sampled") -> list[float]:
    """Return the final scores of those runs of a group that have one."""
    return [found for run in group.runs if (found := final_score(run, actions)) is not None]


def score(group: Group, actions: str = "sampled") -> Estimate | None:
    """Return the interquartile mean of the final scores of a group; None if no run has one."""
    scores = final_scores(group, actions)
    return aggregate([scores]) if scores else None


def improvement(ours: Group, theirs: Group) -> dict[str, Estimate | None]:
    """Return how probable it is that a run of ours is better than one of theirs.

    Returns:
        "score": its final score is higher. "frames", "minutes": it came to 95 % of the measure sooner, where
        two runs that never did are a tie. None where a side cannot be compared, and where no run ever did.
    """
    return {
        "score": _improvement(final_scores(ours), final_scores(theirs)),
        "frames": _sooner(_haste(ours, "frames"), _haste(theirs, "frames")),
        "minutes": _sooner(_haste(ours, "minutes"), _haste(theirs, "minutes")),
    }


def _improvement(ours: Sequence[float], theirs: Sequence[float]) -> Estimate | None:
    return probability_of_improvement(ours, theirs) if ours and theirs else None


def _sooner(ours: Sequence[float], theirs: Sequence[float]) -> Estimate | None:
    return _improvement(ours, theirs) if any(map(math.isfinite, (*ours, *theirs))) else None


def _haste(group: Group, unit: Unit) -> list[float]:
    """Minus the time to learn, so that more is better; minus infinity if it never did."""
    times = [first_reach(run, LEARNED, unit) for run in group.runs]
    return [-math.inf if time is None else -time for time in times]
