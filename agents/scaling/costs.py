"""What each part of the distributed engine costs, as a table of seconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agents.figures.table import Row, Table
from memory_envs.files import write_json
from memory_envs.registry.json_text import build, read_object


@dataclass(frozen=True)
class Affine:
    """fixed + each * count, of seconds.

    Attributes:
        fixed: What is paid whatever the count.
        each: What each of them adds.
    """

    fixed: float
    each: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what would let time run backwards."""
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"{name} must be at least 0, got {value!r}")

    def at(self, count: float) -> float:
        """Return the cost of so many."""
        return self.fixed + self.each * count

    @classmethod
    def fit(cls, counts: Sequence[float], values: Sequence[float]) -> Affine:
        """Return the line of least squares of the relative errors, neither part of it below 0."""
        x, y = np.asarray(counts, float), np.asarray(values, float)
        columns = np.stack([1.0 / y, x / y], axis=1)
        target = np.ones_like(y)
        (fixed, each), *_ = np.linalg.lstsq(columns, target, rcond=None)
        if fixed < 0:
            fixed, each = 0.0, np.linalg.lstsq(columns[:, 1:], target, rcond=None)[0][0]
        elif each < 0:
            fixed, each = np.linalg.lstsq(columns[:, :1], target, rcond=None)[0][0], 0.0
        return cls(float(fixed), float(each))


def _per(what: str, text: str) -> Any:
    """A cost with a part for each of something."""
    return field(metadata={"per": what, "help": text})


@dataclass(frozen=True)
class Costs:
    """Seconds of one core, of one agent on one kind of machine.

    "Lane" is one of the actor's or of the batch's, as `help` says; the batch has the lanes of all its actors.

    Attributes:
        preset: Whose.
        machine: Where they were measured.
        unroll_length: Steps T.
        learner_replays: Further updates per batch.
        distillation_steps: Steps per batch, of all distillers together.
    """

    preset: str
    machine: str
    unroll_length: int
    learner_replays: int
    distillation_steps: int
    acting_step: Affine = _per("lane", "actor: a vector step")
    sending: Affine = _per("lane", "actor: handing an unroll to Ray")
    first_outputs: Affine = _per("lane", "learner: a batch's outputs and losses")
    first_gradients: Affine = _per("lane", "learner: their gradients, and the step")
    drawing: Affine = _per("lane", "learner: into the replay, and lanes out of it, per batch")
    replay_update: Affine = _per("lane", "learner: an update on lanes of the replay")
    taking: Affine = _per("lane", "driver: taking an actor's unroll")
    joining: Affine = _per("lane", "driver: unrolls side by side, per batch")
    callbacks: Affine = _per("lane", "driver: callbacks of a vector step")
    converting: Affine = _per("lane", "driver: a batch into tensors")
    publishing: Affine = _per("lane", "driver: a batch into the object store")
    submitting: Affine = _per("reference", "driver: giving a task out, by references that it waits for")
    waking: Affine = _per("task", "driver: noticing that a task has ended, by tasks waited for")
    fetching: Affine = _per("lane", "distiller: a batch out of the object store")
    distilling_step: Affine = _per("lane", "distiller: a step")
    serving_read: Affine = _per("", "parameter server: a worker of another node reads")
    serving_step: Affine = _per("", "parameter server: a worker of another node steps")

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Costs:
        """Return what `dataclasses.asdict` was made from; costs that an earlier version had are left out.

        Raises:
            ValueError: Something is missing or no cost.
        """
        fields = dataclasses.fields(cls)
        if missing := [each.name for each in fields if each.name not in content]:
            raise ValueError(f"there is no {' and no '.join(missing)}")
        return build(cls, {each.name: content[each.name] for each in fields}, "costs")

    @classmethod
    def read(cls, path: Path) -> Costs:
        """Read what `write` wrote.

        Raises:
            OSError: It cannot be read.
            ValueError: It holds no costs.
        """
        try:
            return cls.from_dict(read_object(path.read_bytes()))
        except ValueError as problem:
            raise ValueError(f"{path} holds no costs: {problem}") from problem

    def write(self, path: Path) -> None:
        """Write JSON, atomically."""
        write_json(path, dataclasses.asdict(self))

    def learning(self, lanes: int) -> float:
        """Return the seconds of all updates on a batch of lanes, and on the replay after it."""
        first = self.first_outputs.at(lanes) + self.first_gradients.at(lanes)
        return first + self.learner_replays * self.replay_update.at(lanes)

    def table(self) -> Table:
        """Return every cost as people read it."""
        rows = []
        for each in dataclasses.fields(self):
            if each.type == "Affine":
                cost: Affine = getattr(self, each.name)
                more = f"{_seconds(cost.each)} per {each.metadata['per']}" if cost.each else ""
                rows.append(Row(each.metadata["help"], [_seconds(cost.fixed), more]))
        return Table(["cost", "fixed", "and for each"], rows)


def _seconds(value: float) -> str:
    for name, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e9:.3g} ns"
