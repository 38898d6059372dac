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
        self._single = isinstance(action_space, Discrete)
        counts = np.atleast_1d(action_space.n if isinstance(action_space, Discrete) else action_space.nvec)
        starts = np.atleast_1d(action_space.start)
        if (counts != counts[0]).any() or (starts != starts[0]).any():
            raise ValueError(f"action_space must be the same in every lane, got {action_space}")
        self._first, self._n, self._lanes = int(starts[0]), int(counts[0]), len(counts)
        self._generator = np.random.default_rng(seed)

    def __call__(self, observation: Any) -> int | NDArray[np.int64]:
        """Return the next action or actions."""
        if self._single:
            return self._first + int(self._generator.integers(self._n))
        return self._first + self._generator.integers(self._n, size=self._lanes)
