"""Decodings: from an observation, whatever its form, back to the window of tiles and the notes behind it."""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rendering.scene import looks_of
from memory_envs.rendering.sprites import sprite_table
from memory_envs.rules import imaze, meta_fetch
from memory_envs.stepping.encoding import cell_pixels

_RULEBOOKS: dict[type, ModuleType] = {each.Config: each for each in (imaze, meta_fetch)}


class Sight(NamedTuple):
    """What an agent is told in one step.

    Attributes:
        window: uint8 [view_size, view_size], tile codes.
        notes: uint8 [NUM_NOTES], each 0 or 1.
    """

    window: NDArray[np.uint8]
    notes: NDArray[np.uint8]


class Decoder:
    """Reads the observations of one environment.

    Attributes:
        rulebook: The module with the environment's rules.
        config: Its Config.
    """

    def __init__(self, env: Any) -> None:
        """Take an environment of this package, single or vector, wrapped or not.

        Raises:
            TypeError: It is none of this package.
        """
        inner = getattr(env, "unwrapped", env)
        config: Any = getattr(inner, "config", None)
        if type(config) not in _RULEBOOKS:
            raise TypeError(f"env must be an environment of memory_envs, got {env}")
        self.config = config
        self.rulebook = _RULEBOOKS[type(config)]
        space = getattr(inner, "single_observation_space", None) or inner.observation_space
        self._cells = self.config.view_size**2
        self._is_image = len(space.shape) == 3
        self._tiles = None if self._is_image else (space.shape[0] - self.rulebook.NUM_NOTES) // self._cells

    def __call__(self, observation: NDArray[np.uint8]) -> Sight:
        """Return what one observation tells."""
        if self._is_image:
            return self._read_image(observation)
        shape = (self.config.view_size, self.config.view_size)
        cut = self._cells * (self._tiles or 1)
        codes = observation[:cut]
        if self._tiles != 1:
            codes = codes.reshape(self._cells, -1).argmax(axis=1)
        return Sight(codes.reshape(shape).astype(np.uint8), observation[cut:])

    def _read_image(self, image: NDArray[np.uint8]) -> Sight:
        side, cell = self.config.view_size, cell_pixels(self.config.view_size)
        sprites = sprite_table(looks_of(self.rulebook), cell)
        cut = image[: side * cell].reshape(side, cell, side, cell, 3).swapaxes(1, 2)
        same = (cut[:, :, None] == sprites).all(axis=(3, 4, 5))
        band = image[side * cell :]
        count = self.rulebook.NUM_NOTES
        middles = [(2 * note + 1) * side * cell // (2 * count) for note in range(count)]
        notes = (band[0, middles, 0] > 127).astype(np.uint8) if count else np.zeros(0, np.uint8)
        return Sight(same.argmax(axis=2).astype(np.uint8), notes)
