"""What memory is taught to predict at every step: told by the environment, or by what happened afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.learning.settings import Settings, setting
from agents.learning.target_kinds import Events, Kind, Numbers, TargetSize, Values, kind_of

HINDSIGHT = "hindsight:"
"""Goes before the name of an event whose value is to be predicted by all steps before it."""

REWARD = "reward"
"""The event that no info has to tell: an unusual reward; unless the environment tells one of this name."""

LEFT_OUT = 0
"""Label of a step that predicts nothing; a value v of a target has the label v + 1, a real number itself."""

Infos = Sequence[Mapping[str, Any]]


class MemoryTarget(NamedTuple):
    """One thing that has to be remembered."""

    name: str
    """Key of the infos of the environment."""
    in_hindsight: bool
    """Whether it is an event (0: nothing happened), or what is true of the observation beside it."""
    size: TargetSize
    """Its number of values, which are from 0 and below this; see `agents.learning.target_kinds`."""

    @property
    def kind(self) -> Kind:
        """What it is."""
        return kind_of(self.size)

    @property
    def setting(self) -> str:
        """As the setting `memory_targets` names it."""
        return f"{HINDSIGHT}{self.name}" if self.in_hindsight else self.name


def parsed(setting: str) -> tuple[str, bool]:
    """Return the key that an entry of the setting `memory_targets` names, and whether it is an event.

    Raises:
        ValueError: It names none.
    """
    name, in_hindsight = setting.removeprefix(HINDSIGHT), setting.startswith(HINDSIGHT)
    if not name or name.strip() != name:
        raise ValueError(
            "memory_targets must be names of what the environment's infos tell, those of events behind "
            f"{HINDSIGHT!r}, got {setting!r}"
        )
    return name, in_hindsight


@dataclass(frozen=True)
class MemoryTargetSettings(Settings):
    """Settings of every agent whose memory can be taught."""

    memory_targets: tuple[str, ...] = setting(
        (),
        "what memory is taught to predict at every step: names of what the environment's infos tell, and "
        'behind "hindsight:" names of events, whose values all steps before them predict; '
        '"hindsight:reward": which unusual reward comes next',
        "ours; paper: none",
        absent=(),
    )
    memory_target_coef: float = setting(
        0.5, "weight of that prediction in the losses of whatever learns or acts", "tuned", absent=0.5
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: A value is out of range; names the setting, the value and what it must be.
        """
        super().__post_init__()
        for name in self.memory_targets:
            parsed(name)
        self._require(
            "memory_targets", len({*self.memory_targets}) == len(self.memory_targets), "names, each once"
        )
        self._require_each("memory_target_coef", 0)


class MemoryTargets:
    """All that has to be remembered, K things, read from the infos of B lanes.

    A target that is told says of each observation what a perfect memory would know then; so it comes from the
    info beside the observation. One in hindsight comes from the steps of the trajectory themselves: an event
    labels all steps before it, itself included, back to the event before or to the episode's beginning, as
    far as the unroll reaches; steps behind the last event of an episode, or of the unroll, are left out. The
    event "reward" has no value: which one follows has to be told from the other events. Its labels are 1
    where it happens; they are marked by `MemoryHead.meet`.

    Args:
        targets: The K.
    """

    def __init__(self, targets: Sequence[MemoryTarget]) -> None:
        self.targets = tuple(targets)
        self.sizes = tuple(target.size for target in self.targets)
        self.kinds = tuple(target.kind for target in self.targets)
        ends = np.cumsum([kind.columns for kind in self.kinds]).tolist()
        self._columns = [slice(end - kind.columns, end) for end, kind in zip(ends, self.kinds, strict=True)]

    def __len__(self) -> int:
        """K, the number of labels of a step."""
        return sum(kind.columns for kind in self.kinds)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the labels: int64, or float32 where some are real numbers."""
        has_numbers = any(isinstance(kind, Numbers) for kind in self.kinds)
        return np.dtype(np.float32 if has_numbers else np.int64)

    @property
    def limits(self) -> tuple[float, ...]:
        """Labels are below these, and from 0 on; of real numbers, infinite."""
        limits: list[float] = []
        for kind in self.kinds:
            if isinstance(kind, Values):
                limits += [1 + limit for limit in kind.limits]
            else:
                limits += [np.inf] * kind.columns if isinstance(kind, Numbers) else [2]
        return tuple(limits)

    def told(self, infos: Infos) -> np.ndarray:
        """Return the labels [B, K] of observations, from the infos beside them.

        Raises:
            ValueError: An info lacks a target, or has none of its values.
        """
        return self._read(infos, in_hindsight=False)

    def happened(self, infos: Infos) -> np.ndarray:
        """Return the labels [B, K] of the events of a step, from its infos; LEFT_OUT without one."""
        labels = self._read(infos, in_hindsight=True)
        labels[labels == 1] = LEFT_OUT
        return labels

    def _read(self, infos: Infos, in_hindsight: bool) -> np.ndarray:
        labels = np.zeros((len(infos), len(self)), dtype=self.dtype)
        for columns, target, kind in zip(self._columns, self.targets, self.kinds, strict=True):
            if target.in_hindsight == in_hindsight and not isinstance(kind, Events):
                labels[:, columns] = [_label(target, kind, info) for info in infos]
        return labels

    def backwards(self, labels: Tensor, done: Tensor) -> Tensor:
        """Let each event label the steps before it.

        Args:
            labels: [T, B, K] of observations and of events.
            done: [T, B] bool, where a step ended an episode.

        Returns:
            Labels [T, B, K]; those that are told, as they are.
        """
        events = [
            columns.start
            for columns, target, kind in zip(self._columns, self.targets, self.kinds, strict=True)
            if target.in_hindsight and isinstance(kind, Values)
        ]
        if not events:
            return labels
        labels = labels.clone()
        for column in events:
            own = labels[..., column]
            following = next_events(own != LEFT_OUT, done)
            never = torch.full_like(own[:1], LEFT_OUT)
            labels[..., column] = torch.cat([own, never]).gather(0, following)
        return labels


def is_unusual(reward: Tensor) -> Tensor:
    """[...] bool, where a reward is not the commonest of all, such as 0 or a penalty of every step."""
    values, counts = reward.unique(return_counts=True)
    return reward != values[counts.argmax()]


def next_events(happened: Tensor, done: Tensor) -> Tensor:
    """Return [T, B] int64, at which step the next event of an episode happens, from each step on; T if none.

    Args:
        happened: [T, B] bool, where there is an event.
        done: [T, B] bool, where a step ended an episode.
    """
    steps = torch.arange(len(happened), device=happened.device).unsqueeze(-1)
    never = torch.full_like(steps, len(happened))

    def first_from(found: Tensor) -> Tensor:
        return torch.where(found, steps, never).flip(0).cummin(dim=0).values.flip(0)

    event = first_from(happened)
    return torch.where(event <= first_from(done), event, never)


def _label(target: MemoryTarget, kind: Values | Numbers, info: Mapping[str, Any]) -> np.ndarray:
    """[columns] the labels of what an info tells of a target."""
    value = info.get(target.name)
    if value is None:
        raise ValueError(
            f"memory_targets names {target.setting!r}, but the environment's infos do not tell "
            f"{target.name!r}: an environment of this suite does with analysis=[{target.name!r}]"
        )
    told = np.asarray(value)
    is_number = np.issubdtype(told.dtype, np.number) or told.dtype == bool
    told = told.reshape(-1)
    if not is_number or told.size != kind.columns:
        is_one = False
    elif isinstance(kind, Numbers):
        is_one = bool((np.abs(told.astype(np.float64)) <= np.finfo(np.float32).max).all())
    else:
        is_one = bool(((told == np.floor(told)) & (told >= 0) & (told < kind.limits)).all())
    if not is_one:
        raise ValueError(
            f"the environment's infos tell {target.name}={value!r:.80}, which must be {_shown(kind)}"
        )
    return told if isinstance(kind, Numbers) else 1 + told.astype(np.int64)


def _shown(kind: Values | Numbers) -> str:
    if isinstance(kind, Numbers):
        return "a finite number" if kind.number == 1 else f"{kind.number} finite numbers"
    if len(kind.limits) == 1:
        return f"a whole number from 0 and below {kind.limits[0]}"
    return f"whole numbers from 0 and below {', '.join(map(str, kind.limits))}"
