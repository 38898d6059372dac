"""What the actor and its environments say to one another, in Gymnasium's shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np


class Step(NamedTuple):
    """What one step of B lanes returned.

    As from a `gymnasium.vector.VectorEnv` with `AutoresetMode.SAME_STEP`: a lane whose episode ended has been
    reset within the step. `terminated` and `truncated` stay apart from here to the loss.
    """

    observation: Any
    """[B, ...], or a dict of such: what to act on next; where an episode ended, the first of the next one."""
    reward: np.ndarray
    """[B] float."""
    terminated: np.ndarray
    """[B] bool: the episode ended by its rules."""
    truncated: np.ndarray
    """[B] bool: the episode was cut by a limit."""
    infos: Sequence[dict[str, Any]]
    """[B] further information, one dict per lane, passed on to callbacks unchanged."""
    final_observation: Mapping[int, Any]
    """By lane, the last observation of each truncated episode, which `observation` no longer holds."""
    first_infos: Mapping[int, Mapping[str, Any]] = MappingProxyType({})
    """By lane whose episode ended, the info beside the first observation of the next one; for actors alone,
    so empty in what has travelled from one."""

    @property
    def infos_beside(self) -> list[Mapping[str, Any]]:
        """[B] the infos beside `observation`: of the next episode, where one ended."""
        return [self.first_infos.get(lane, info) for lane, info in enumerate(self.infos)]

    @property
    def done(self) -> np.ndarray:
        """[B] bool: the episode ended, for whichever reason."""
        return self.terminated | self.truncated


class SteppedEnv(Protocol):
    """What the actor asks of a vector of environments."""

    num_envs: int

    def step(self, actions: np.ndarray) -> Step:
        """Step all lanes with actions [B, ...], of their space."""


# Called after every vector step with its actions [B, ...] and what they brought; False asks to stop.
OnStep: TypeAlias = Callable[[np.ndarray, Step], bool]
