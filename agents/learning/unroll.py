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

    policy: Tensor
    """[T, B, P] float: the learner's policy, as parameters of the distribution of the actions."""
    value: Tensor
    """[T, B] float: the learner's value, normalised by the moments that PopArt had then."""
    advantage: Tensor
    """[T, B] float: what the actions brought beyond the value, in units of sigma."""
    memory: Tensor | None = None
    """[T, B, O] float: what its memory head said, see `MemoryHead.taught`; O is 0 where it teaches none."""


class Unroll(NamedTuple):
    """T consecutive steps of B lanes. Row t holds the observation and the action taken on it.

    Episodes begin and end anywhere inside. `terminated` and `truncated` stay apart all the way to the loss.
    """

    observation: Observation
    """[T + 1, B, ...]: row T is what followed the last step (the next episode, if that step ended one)."""
    is_first: Tensor
    """[T + 1, B] bool: the observation of this row starts an episode, so memory must be cleared before it."""
    action: Tensor
    """[T, B, ...] as they were drawn, of the shape and type of their distribution."""
    reward: Tensor
    """[T, B] float: reward of the action in the same row."""
    terminated: Tensor
    """[T, B] bool: the episode ended by its rules; nothing follows."""
    truncated: Tensor
    """[T, B] bool: the episode was cut by a limit; its value goes on beyond."""
    behaviour_policy: Tensor
    """[T, B, P] float: the policy mu that chose the actions, as parameters of their distribution."""
    actor_state: CoreState
    """The actor's core state before row 0, lane first."""
    final_time: Tensor
    """[K] int64: rows of the truncated steps."""
    final_lane: Tensor
    """[K] int64: their lanes."""
    final_observation: Observation
    """[K, ...]: the last observation of each truncated episode, which no row of `observation` holds."""
    memory_label: Tensor
    """[T, B, K] int64 or float: what has to be predicted, see `agents.learning.memory_targets`."""
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


# The fields [T or T + 1, B, ...] of what was seen and done.
TIME_MAJOR = (
    *("observation", "is_first", "action", "reward", "terminated", "truncated", "behaviour_policy"),
    "memory_label",
)


# What torch can store but not index into, as what it can: the same bits.
_HANDLED_AS = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}


def observation_to_tensors(observation: Any, device: torch.device | str = "cpu") -> Observation:
    """Copy what environments show, one observation or a batch of them, to tensors of the same types.

    Never a view: some environments write their next observations over the last ones.
    """
    if isinstance(observation, Mapping):
        return {key: torch.tensor(value, device=device) for key, value in observation.items()}
    return torch.tensor(observation, device=device)


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
    unrolls, lanes = zip(*parts, strict=True)
    finals = [(unroll.final_lane == lane).nonzero().squeeze(-1) for unroll, lane in parts]

    def joined(name: str, function: Callable[..., Tensor]) -> Any:
        return map_observation(function, *(getattr(unroll, name) for unroll in unrolls))

    def steps(*tensors: Tensor) -> Tensor:
        return torch.stack([each[:, lane] for each, lane in zip(tensors, lanes, strict=True)], dim=1)

    def ends(*tensors: Tensor) -> Tensor:
        return torch.cat([each[found] for each, found in zip(tensors, finals, strict=True)])

    def states(name: str) -> CoreState:
        rows = [[part[lane] for part in getattr(unroll, name)] for unroll, lane in parts]
        return tuple(torch.stack(column) for column in zip(*rows, strict=True))

    return Unroll(
        **{name: joined(name, steps) for name in TIME_MAJOR},
        final_time=joined("final_time", ends),
        final_lane=torch.cat([torch.full_like(found, column) for column, found in enumerate(finals)]),
        final_observation=joined("final_observation", ends),
        actor_state=states("actor_state"),
        learner_state=states("learner_state"),
    )


def beyond_truncations(unroll: Unroll) -> tuple[Unroll, Tensor, Tensor]:
    """The lanes of the K truncated steps, each as if its episode had gone on.

    The last observation of such an episode is no row of the unroll. It is put in the place of its successor's
    first one, where the memory is as the episode left it, in a lane of its own.

    Returns:
        Observations, actions, rewards and the learner's memory of these lanes, other fields left as they are,
        and where the last observations are: rows [K] and lanes [K].
    """
    lane, row = unroll.final_lane, unroll.final_time + 1
    column = torch.arange(len(row), device=row.device)
    is_first = unroll.is_first[:, lane].clone()
    is_first[row, column] = False
    window = map_observation(lambda x: x[:, lane], unroll.observation)
    assert unroll.learner_state is not None
    going_on = unroll._replace(
        observation=replace_rows(window, row, column, unroll.final_observation),
        is_first=is_first,
        action=unroll.action[:, lane],
        reward=unroll.reward[:, lane],
        learner_state=select_lanes(unroll.learner_state, lane),
    )
    return going_on, row, column


def select_lanes(state: CoreState, lanes: Tensor) -> CoreState:
    """The core state of some lanes, in the order given."""
    return tuple(part.index_select(0, lanes) for part in state)


def replace_rows(observation: Observation, rows: Tensor, columns: Tensor, by: Observation) -> Observation:
    """A copy of a [T, K, ...] observation in which entry (rows[k], columns[k]) is `by[k]`."""

    def replace(target: Tensor, source: Tensor) -> Tensor:
        own, handled = target.dtype, _HANDLED_AS.get(target.dtype, target.dtype)
        replaced = target.view(handled).index_put((rows, columns), source.to(own).view(handled))
        return replaced.view(own)

    return map_observation(replace, observation, by)
