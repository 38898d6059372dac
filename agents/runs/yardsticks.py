"""What the results of a run are compared with: chance, the best without memory, and perfect memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import memory_envs
from agents.evaluation.episodes import Evaluation, Interval
from agents.figures.curves import Mark
from memory_envs.certificate import Certificate
from memory_envs.certificate.shipped import reference_with
from memory_envs.registry.presets import PRESETS
from memory_envs.registry.specs import task_settings


def known_certificate(env_id: str, env_kwargs: Mapping[str, Any]) -> Certificate | None:
    """Return the certificate of an environment with its settings; None if nobody has computed one.

    One ships for every id. For the settings of a preset it is computed, once in a process; for those that
    a user chose it is not, as that may take long: `memory_envs.certify` does.
    """
    settings = task_settings(env_kwargs)
    try:
        shipped = memory_envs.reference(env_id)
    except ValueError:
        return None
    if not settings:
        return shipped
    presets = (each for each in PRESETS.values() if each.env == shipped.id)
    if any(task_settings(each.env_kwargs) == settings for each in presets):
        return reference_with(shipped.id, settings)
    return None


def compared_line(evaluation: Evaluation, certificate: Certificate | None) -> str:
    """Return what came out, and what it is compared with, on one line.

    Such as "success 1.000 [.981, 1.000] · random .036 · without memory .5 · perfect memory 1".

    Args:
        evaluation: Of the final model.
        certificate: Of the task; without one there is nothing to compare with.
    """
    metric, found = measure(evaluation, certificate)
    marks = yardsticks(certificate, metric)
    names = ("random", "without memory", "perfect memory")
    low, high = (_short(f"{end:.3f}") for end in (found.low, found.high))
    parts = [f"{metric} {found.mean:.3f} [{low}, {high}]"]
    parts += [f"{name} {_short(f'{mark.value:.2g}')}" for name, mark in zip(names, marks, strict=False)]
    return " · ".join(parts)


def counts_return(certificate: Certificate) -> bool:
    """Return whether a task is measured by its return: an episode has more to give than one success.

    That is where perfect memory earns more than 1, as in Meta-Fetch.
    """
    return certificate.perfect_memory.episode_return.upper > 1


def measure(evaluation: Evaluation, certificate: Certificate | None) -> tuple[str, Interval]:
    """Return what a task is measured by, and how much of it a model has.

    It is the return where `counts_return` says so, and where no success is reported.
    """
    if evaluation.success is None or (certificate is not None and counts_return(certificate)):
        return "return", evaluation.mean_return
    return "success", evaluation.success


def _short(number: str) -> str:
    """Without the zero before the point."""
    return number.replace("0.", ".", 1) if number.removeprefix("-").startswith("0.") else number


def yardsticks(certificate: Certificate | None, metric: str) -> list[Mark]:
    """Return what policies of known kinds are worth, in a metric.

    Args:
        certificate: Of the task; there are no yardsticks without one.
        metric: "success" or "return".

    Returns:
        Chance, the best without memory, which is proved where the certificate has one number and else the
        best that is known, and perfect memory, the reference policy's where its best is not known.
    """
    if certificate is None:
        return []
    levels = (certificate.random, certificate.memoryless, certificate.perfect_memory)
    chance, without, perfect = (level.by(metric) for level in levels)
    kind = "proved" if without.lower == without.upper else "known"
    return [
        Mark("chance", (chance.lower + chance.upper) / 2, ":"),
        Mark(f"no memory ({kind})", without.lower, (0, (4, 2))),
        Mark("perfect memory", perfect.lower, "-"),
    ]
