"""Lanes of several environments side by side, as one Stable-Baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from agents.vec_env.steps import reset_infos


class JoinedVecEnv(VecEnv):
    """The lanes of several VecEnvs, one after the other.

    Attributes:
        parts: The VecEnvs.

    Args:
        parts: At least one, with the same spaces.
        names: What to call them where their spaces differ.

    Raises:
        ValueError: The spaces differ; names the first two.
    """

    def __init__(self, parts: Sequence[VecEnv], names: Sequence[str]) -> None:
        self.parts = tuple(parts)
        first = self.parts[0]
        for name, part in zip(names, self.parts, strict=True):
            for space in ("observation_space", "action_space"):
                wanted, found = getattr(first, space), getattr(part, space)
                if wanted != found:
                    raise ValueError(
                        f"tasks must have one {space}, got {wanted} of {names[0]} and {found} of {name}"
                    )
        super().__init__(
            sum(part.num_envs for part in self.parts), first.observation_space, first.action_space
        )

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed lane i with `seed` + i at the next reset."""
        if seed is None:
            return [each for part in self.parts for each in part.seed(None)]
        return [each for part, own in self._slices() for each in part.seed(seed + own.start)]

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Begin the next episodes with options, the same in all lanes or one dictionary for each."""
        for part, own in self._slices():
            part.set_options(options[own] if isinstance(options, list) else options)

    def reset(self) -> VecEnvObs:
        """Begin episodes in all lanes."""
        observation = _joined([part.reset() for part in self.parts])
        self._note_infos()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Hand each part its actions."""
        for part, own in self._slices():
            part.step_async(actions[own])

    def step_wait(self) -> VecEnvStepReturn:
        """Step all lanes."""
        observations, rewards, dones, infos = zip(*(part.step_wait() for part in self.parts), strict=True)
        self._note_infos()
        told = [info for each in infos for info in each]
        return _joined(observations), np.concatenate(rewards), np.concatenate(dones), told

    def _note_infos(self) -> None:
        self.reset_infos = [dict(info) for part in self.parts for info in reset_infos(part)]

    def close(self) -> None:
        """Close all parts."""
        for part in self.parts:
            part.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return the pictures of all parts."""
        return [image for part in self.parts for image in part.get_images()]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each lane asked for."""
        return [part.get_attr(attr_name, [lane])[0] for part, lane in self._asked(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of each lane asked for."""
        asked = list(self._asked(indices))
        for part in self.parts:
            lanes = [lane for owner, lane in asked if owner is part]
            if lanes:
                part.set_attr(attr_name, value, lanes)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each lane asked for, and return the results."""
        return [
            part.env_method(method_name, *method_args, indices=[lane], **method_kwargs)[0]
            for part, lane in self._asked(indices)
        ]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return whether each lane asked for is wrapped."""
        return [part.env_is_wrapped(wrapper_class, [lane])[0] for part, lane in self._asked(indices)]

    def _slices(self) -> Iterator[tuple[VecEnv, slice]]:
        """Each part with its lanes."""
        begin = 0
        for part in self.parts:
            yield part, slice(begin, begin + part.num_envs)
            begin += part.num_envs

    def _asked(self, indices: VecEnvIndices) -> Iterator[tuple[VecEnv, int]]:
        """The part of each lane, and its number there."""
        owners = [(part, lane) for part in self.parts for lane in range(part.num_envs)]
        return (owners[lane] for lane in self._get_indices(indices))


def _joined(observations: Sequence[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {key: np.concatenate([each[key] for each in observations]) for key in observations[0]}
    return np.concatenate(observations)
