"""What the memory of a model was taught to predict, and what a perfect one would have said in an episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agents.learning.memory_targets import Infos, parsed
from agents.learning.target_kinds import is_single, kinds_of
from agents.sb3.base import ConfiguredAlgorithm
from memory_envs.task import Meaning


@dataclass(frozen=True)
class RememberedTarget:
    """A memory target along an episode of T steps.

    Attributes:
        title: What it is, in words.
        meanings: What each of its values stands for.
        truth: [T] the value that a perfect memory knows, or that of the next event of the episode; None where
            no event follows. None altogether where the environment does not tell it.
    """

    title: str
    meanings: tuple[Meaning, ...]
    truth: list[int | None] | None


def remembered_targets(
    model: ConfiguredAlgorithm, meanings: Mapping[str, tuple[Meaning, ...]], infos: Infos
) -> tuple[RememberedTarget, ...]:
    """Return the memory targets of a model that are one whole number each, none if it has none.

    Args:
        model: Has played the episode.
        meanings: Of the values of the targets that the environment knows.
        infos: T + 1: beside the first observation, and of each step.
    """
    settings: Sequence[str] = getattr(model.config, "memory_targets", ())
    sizes: Any = model.policy.memory_target_sizes if settings else ()
    pairs = zip(settings, kinds_of(sizes), strict=True)
    return tuple(_target(*parsed(each), meanings, infos) for each, kind in pairs if is_single(kind))


def _target(
    name: str, in_hindsight: bool, meanings: Mapping[str, tuple[Meaning, ...]], infos: Infos
) -> RememberedTarget:
    words = name.replace("_", " ")
    truth: list[int | None] | None = None
    if name in infos[0]:
        told = [int(info[name]) for info in infos]
        truth = _next_events(told[1:]) if in_hindsight else [*told[:-1]]
    return RememberedTarget(f"next {words}" if in_hindsight else words, meanings.get(name, ()), truth)


def _next_events(events: Sequence[int]) -> list[Any]:
    """[T] of each step the value of its own event, or of the first one after it; 0 is none."""
    following: list[int | None] = []
    for event in reversed(events):
        following.append(event or (following[-1] if following else None))
    return following[::-1]
