"""Decodings: from an observation, whatever its form, back to the window of tiles and the notes behind it."""

from typing import Any

import numpy as np
from gymnasium import error
from gymnasium.spaces import Dict
from numpy.typing import NDArray

from memory_envs.stepping.encoding import cell_pixels, observed_sprites
from memory_envs.stepping.privileged import OBSERVATION
from memory_envs.task import Sight, Task


class UnannouncedEpisode(error.ResetNeeded):
    """What is observed cannot follow what was observed before."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__(
            "the observation cannot follow those before it, or the time is up: call the policy's reset() "
            "after each reset() of the environment, and give it every observation of the episode"
        )


class Decoder:
    """Reads the observations of one environment.

    Attributes:
        task: The environment's task.
        config: The Config of its rules.
    """

    def __init__(self, env: Any) -> None:
        """Take an environment of this package, single or vector, wrapped or not.

        Raises:
            TypeError: It is none of this package.
        """
        inner = getattr(env, "unwrapped", env)
        task: Any = getattr(inner, "task", None)
        if not isinstance(task, Task):
            raise TypeError(f"env must be an environment of memory_envs, got {env}")
        self.task = task
        self.config = inner.config
        self._num_notes = task.rules.NUM_NOTES
        space = getattr(inner, "single_observation_space", None) or inner.observation_space
        self._part = OBSERVATION if isinstance(space, Dict) else None
        space = space if self._part is None else space[self._part]
        self._high = space.high
        self._cells = self.config.view_size**2
        self._is_image = len(space.shape) == 3
        self._tiles = None if self._is_image else (space.shape[0] - self._num_notes) // self._cells

    def __call__(self, observation: Any) -> Sight:
        """Return what one observation shows.

        Raises:
            ValueError: It is none of the bare environment: a wrapper stacks, flattens or scales observations.
        """
        return self._read(np.asarray(self._own_part(observation))[None])[0]

    def many(self, observations: Any) -> list[Sight]:
        """Return what the observations of N lanes show.

        Raises:
            ValueError: As for a single one.
        """
        return self._read(np.asarray(self._own_part(observations)))

    def _own_part(self, observation: Any) -> Any:
        return observation if self._part is None else observation[self._part]

    def _read(self, given: NDArray[Any]) -> list[Sight]:
        observations = self._checked(given)
        if self._is_image:
            return [self._read_image(each) for each in observations]
        shape = (-1, self.config.view_size, self.config.view_size)
        cut = self._cells * (self._tiles or 1)
        codes = observations[:, :cut]
        if self._tiles != 1:
            codes = codes.reshape(len(codes), self._cells, -1).argmax(axis=2)
        windows = codes.reshape(shape).astype(np.uint8)
        return [Sight(*each) for each in zip(windows, observations[:, cut:], strict=True)]

    def _checked(self, given: NDArray[Any]) -> NDArray[np.uint8]:
        if given.shape[1:] != self._high.shape:
            raise ValueError(
                f"the policy reads observations of {self.task.name} as they are, of shape "
                f"{self._high.shape}, got one of shape {given.shape[1:]}: give it what the bare environment "
                "shows, of stacked observations the last"
            )
        if (
            given.dtype.kind not in "biuf"
            or not ((given >= 0) & (given <= self._high)).all()
            or not (given.dtype.kind != "f" or (given % 1 == 0).all())
        ):
            raise ValueError(
                f"the policy reads observations of {self.task.name} as they are, whole numbers from 0 to "
                f"{self._high.max()}, got others: a wrapper has changed them"
            )
        return given.astype(np.uint8, copy=False)

    def _read_image(self, image: NDArray[np.uint8]) -> Sight:
        side, cell = self.config.view_size, cell_pixels(self.config.view_size)
        sprites = observed_sprites(self.task, self.config)
        cut = image[: side * cell].reshape(side, cell, side, cell, 3).swapaxes(1, 2)
        same = (cut[:, :, None] == sprites).all(axis=(3, 4, 5))
        if not same.any(axis=2).all():
            raise ValueError(f"the picture shows something that is no tile of {self.task.name}")
        band = image[side * cell :]
        count = self._num_notes
        middles = [(2 * note + 1) * side * cell // (2 * count) for note in range(count)]
        notes = (band[0, middles, 0] > 127).astype(np.uint8) if count else np.zeros(0, np.uint8)
        return Sight(same.argmax(axis=2).astype(np.uint8), notes)
