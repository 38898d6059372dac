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
        """
        if not isinstance(action_space, (Discrete, MultiDiscrete)):
            raise TypeError(f"action_space must be Discrete or MultiDiscrete, got {action_space}")
        self._space = action_space
        self._generator = np.random.default_rng(seed)

    def __call__(self, observation: Any) -> int | NDArray[np.int64]:
        """Return the next action or actions."""
        if isinstance(self._space, Discrete):
            return int(self._space.start + self._generator.integers(self._space.n))
        return self._space.start + self._generator.integers(self._space.nvec)
