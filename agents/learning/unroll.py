"""The one record that flows: what a batch of lanes saw and did for T steps, time-major."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

# A tensor, or for Dict spaces a flat mapping of tensors that share their leading dimensions.
Observation: TypeAlias = Tensor | dict[str, Tensor]

# What a recurrent core carries from step to step: tensors whose *first* dimension is the lane.
CoreState: TypeAlias = tuple[Tensor, ...]


class LearnerOutputs(NamedTuple):
    """What the learner said of an unroll when it trained on it; distillation needs nothing else of it."""

    logits: Tensor
    """[T, B, A] float: the learner's policy."""
    value: Tensor
    """[T, B] float: the learner's value, in units of the return (de-normalised)."""
    value_scale: Tensor
    """[] float: PopArt's sigma, the unit in which value errors count."""
    advantage: Tensor
    """[T, B] float: what the actions brought beyond the value, in units of sigma."""


class Unroll(NamedTuple):
    """T consecutive steps of B lanes. Row t holds the observation and the action taken on it.

    Episodes begin and end anywhere inside. `terminated` and `truncated` stay apart all the way to the loss.
    """

    observation: Observation
    """[T + 1, B, ...]: row T is what followed the last step (the next episode, if that step ended one)."""
    is_first: Tensor
    """[T + 1, B] bool: the observation of this row starts an episode, so memory must be cleared before it."""
    action: Tensor
    """[T, B] int64."""
    reward: Tensor
    """[T, B] float: reward of the action in the same row."""
    terminated: Tensor
    """[T, B] bool: the episode ended by its rules; nothing follows."""
    truncated: Tensor
    """[T, B] bool: the episode was cut by a limit; its value goes on beyond."""
    behaviour_logits: Tensor
    """[T, B, A] float: the policy mu that chose the actions."""
    actor_state: CoreState
    """The actor's core state before row 0, lane first."""
    final_time: Tensor
    """[K] int64: rows of the truncated steps."""
    final_lane: Tensor
    """[K] int64: their lanes."""
    final_observation: Observation
    """[K, ...]: the last observation of each truncated episode, which no row of `observation` holds."""
    learner_state: CoreState | None = None
    """The learner's core state before row 0, once the learner has seen the unroll."""
    learner: LearnerOutputs | None = None
    """Attached by the learner."""

    @property
    def length(self) -> int:
        """T, the number of steps."""
        return self.action.shape[0]

    @property
    def lanes(self) -> int:
        """B, the number of lanes."""
        return self.action.shape[1]

    @property
    def done(self) -> Tensor:
        """[T, B] bool: the episode ended at this step, for whichever reason."""
        return self.terminated | self.truncated

    def to_tree(self) -> dict[str, Any]:
        """Nested dictionaries and tuples of tensors, for a checkpoint."""
        return self._asdict() | {"learner": None if self.learner is None else self.learner._asdict()}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Unroll:
        """The unroll that `to_tree` was called on."""
        learner = tree["learner"]
        return cls(**{**tree, "learner": None if learner is None else LearnerOutputs(**learner)})


def map_observation(function: Callable[..., Tensor], *observations: Observation) -> Observation:
    """Apply `function` to every tensor of an observation; of several, to those in the same place."""
    first = observations[0]
    if isinstance(first, dict):
        return {key: function(*(other[key] for other in observations)) for key in first}  # type: ignore[index]
    return function(*observations)


def join_lanes(parts: Sequence[tuple[Unroll, int]]) -> Unroll:
    """One unroll out of single lanes of several unrolls of equal length, in the order given.

    The learner must have seen all of them; `learner` is left out, since its scale may differ.
    """

    def lanes(name: str) -> Tensor:
        return torch.stack([getattr(unroll, name)[:, lane] for unroll, lane in parts], dim=1)

    def states(name: str) -> CoreState:
        rows = [[part[lane] for part in getattr(unroll, name)] for unroll, lane in parts]
        return tuple(torch.stack(column) for column in zip(*rows, strict=True))

    finals = [(unroll.final_lane == lane).nonzero().squeeze(-1) for unroll, lane in parts]
    columns = [torch.full_like(found, column) for column, found in enumerate(finals)]
    return Unroll(
        observation=map_observation(
            lambda *x: torch.stack([part[:, lane] for part, (_, lane) in zip(x, parts, strict=True)], dim=1),
            *(unroll.observation for unroll, _ in parts),
        ),
        is_first=lanes("is_first"),
        action=lanes("action"),
        reward=lanes("reward"),
        terminated=lanes("terminated"),
        truncated=lanes("truncated"),
        behaviour_logits=lanes("behaviour_logits"),
        actor_state=states("actor_state"),
        final_time=torch.cat(
            [unroll.final_time[found] for (unroll, _), found in zip(parts, finals, strict=True)]
        ),
        final_lane=torch.cat(columns),
        final_observation=map_observation(
            lambda *x: torch.cat([part[found] for part, found in zip(x, finals, strict=True)]),
            *(unroll.final_observation for unroll, _ in parts),
        ),
        learner_state=states("learner_state"),
    )


def select_lanes(state: CoreState, lanes: Tensor) -> CoreState:
    """The core state of some lanes, in the order given."""
    return tuple(part.index_select(0, lanes) for part in state)


def replace_rows(observation: Observation, rows: Tensor, columns: Tensor, by: Observation) -> Observation:
    """A copy of a [T, K, ...] observation in which entry (rows[k], columns[k]) is `by[k]`."""

    def replace(target: Tensor, source: Tensor) -> Tensor:
        return target.index_put((rows, columns), source.to(target.dtype))

    return map_observation(replace, observation, by)
