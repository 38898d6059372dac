"""What travels between processes: unrolls as arrays, and what happened beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from agents.learning.steps import Step
from agents.learning.unroll import TIME_MAJOR, Unroll, map_observation

_map: Any = map_observation  # arrays have all that it asks of tensors


class TaskTime(NamedTuple):
    """What a worker's task took."""

    busy: float
    """Seconds of the task."""
    idle: float
    """Seconds since the end of the one before."""
    cpu: float
    """Seconds of processors in the task."""


class Collected(NamedTuple):
    """An unroll of one actor's lanes."""

    unroll: dict[str, Any]
    """`Unroll.to_tree` in numpy arrays."""
    infos: Sequence[Sequence[dict[str, Any]]]
    """[T][B] further information from the environments."""
    published: int
    """Batches that the learner had made ready for distillation when the parameters were read that acted."""
    time: TaskTime


class Distilled(NamedTuple):
    """What a distiller did."""

    metrics: dict[str, float]
    """Of its last step, or of the first one whose loss was not finite."""
    last: int
    """Number of the unroll of that step."""
    steps: int
    frames: int
    """Frames of the unrolls of all steps."""
    time: TaskTime


class Failed(NamedTuple):
    """An environment raised."""

    problem: BaseException | None
    """What it raised, or None where that cannot travel."""
    traceback: str
    lanes: list[dict[str, Any]]
    """Of each lane that may be the one: number, seed, episode since that seed, actions in the episode."""


def to_arrays(tree: Any) -> Any:
    """Nested dictionaries, lists and tuples with numpy arrays in the place of tensors."""
    if isinstance(tree, Tensor):
        return tree.detach().cpu().numpy()
    if isinstance(tree, Mapping):
        return {key: to_arrays(value) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(to_arrays(value) for value in tree)
    return tree


def to_tensors(tree: Any, device: torch.device) -> Any:
    """The inverse of `to_arrays`; copies, because what Ray hands out cannot be written to."""
    if isinstance(tree, np.ndarray):
        return torch.tensor(tree, device=device)
    if isinstance(tree, Mapping):
        return {key: to_tensors(value, device) for key, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(to_tensors(value, device) for value in tree)
    return tree


class Batch:
    """Unrolls of several actors, side by side, of which the callbacks see one step after the other.

    Args:
        collected: By the actor's number; the lanes stand in that order.

    Attributes:
        steps_told: Steps that `next_step` has been asked for.
    """

    def __init__(self, collected: Mapping[int, Collected]) -> None:
        self.actors = sorted(collected)
        parts = [collected[actor] for actor in self.actors]
        self.tree = join([part.unroll for part in parts])
        self._infos = [[info for lanes in step for info in lanes] for step in _columns(parts)]
        self.published = float(np.mean([part.published for part in parts]))
        self.steps_told = 0

    def __len__(self) -> int:
        """T."""
        return len(self._infos)

    @property
    def frames(self) -> int:
        """T * B."""
        return int(self.tree["reward"].size)

    def next_step(self) -> tuple[np.ndarray, Step]:
        """The actions of a step, as they were drawn, and what they brought, in all lanes of the batch."""
        time, tree = self.steps_told, self.tree
        self.steps_told += 1
        return tree["action"][time], Step(
            observation=_map(lambda rows: rows[time + 1], tree["observation"]),
            reward=tree["reward"][time],
            terminated=tree["terminated"][time],
            truncated=tree["truncated"][time],
            infos=self._infos[time],
            final_observation=self._finals(time),
        )

    def _finals(self, time: int) -> dict[int, Any]:
        """By lane, the last observations of the episodes that were truncated at a step."""
        lanes, finals = self.tree["final_lane"], self.tree["final_observation"]
        found = np.flatnonzero(self.tree["final_time"] == time).tolist()
        return {int(lanes[each]): _map(lambda rows, each=each: rows[each], finals) for each in found}

    def last_observation(self) -> Any:
        """What the environments showed after the last step."""
        return _map(lambda rows: rows[-1], self.tree["observation"])

    def unroll(self, device: torch.device) -> Unroll:
        """As tensors."""
        return Unroll.from_tree(to_tensors(self.tree, device))


def join(trees: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One tree of an unroll with the lanes of several, which no learner has seen yet."""
    if len(trees) == 1:
        return trees[0]
    joined = {name: _map(_beside, *(tree[name] for tree in trees)) for name in TIME_MAJOR}
    starts = np.cumsum([0, *(tree["action"].shape[1] for tree in trees[:-1])])
    numbered = [tree["final_lane"] + start for tree, start in zip(trees, starts, strict=True)]
    state = zip(*(tree["actor_state"] for tree in trees), strict=True)
    return joined | {
        "actor_state": tuple(np.concatenate(part) for part in state),
        "final_time": np.concatenate([tree["final_time"] for tree in trees]),
        "final_lane": np.concatenate(numbered),
        "final_observation": _map(_behind, *(tree["final_observation"] for tree in trees)),
        "learner_state": None,
        "learner": None,
    }


def join_observations(observations: Sequence[Any]) -> Any:
    """One observation [B, ...] of the lanes of several."""
    return _map(_behind, *observations)


def select_rows(observation: Any, rows: slice) -> Any:
    """The observations of some lanes."""
    return _map(lambda part: part[rows], observation)


def _columns(parts: Sequence[Collected]) -> Any:
    return zip(*(part.infos for part in parts), strict=True)


def _beside(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts, axis=1)


def _behind(*parts: np.ndarray) -> np.ndarray:
    return np.concatenate(parts)
