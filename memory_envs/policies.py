"""Reference policies."""

from typing import Any

import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from numpy.typing import NDArray


class RandomPolicy:
    """Every action with equal probability, whatever is observed.

    Made for the action space of a single environment it returns an integer, for that of a vector environment
    an int64 array of one action per lane.
    """

    def __init__(self, action_space: Discrete | MultiDiscrete, seed: int | None = None) -> None:
        """Seed the policy, or leave it unseeded.

        Raises:
            TypeError: The space is neither Discrete nor MultiDiscrete.
            ValueError: The lanes have different actions.
        """
        if not isinstance(action_space, (Discrete, MultiDiscrete)):
            raise TypeError(f"action_space must be Discrete or MultiDiscrete, got {action_space}")
        spaces = [action_space] if isinstance(action_space, Discrete) else list(action_space)
        if len({(int(space.n), int(space.start)) for space in spaces}) != 1:
            raise ValueError(f"action_space must be the same in every lane, got {action_space}")
        self._first, self._n = int(spaces[0].start), int(spaces[0].n)
        self._lanes = None if isinstance(action_space, Discrete) else len(spaces)
        self._generator = np.random.default_rng(seed)

    def __call__(self, observation: Any) -> int | NDArray[np.int64]:
        """Return the next action or actions."""
        drawn = self._first + self._generator.integers(self._n, size=self._lanes)
        return int(drawn) if self._lanes is None else drawn
