"""Which distribution goes with a space of actions."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import Space, spaces

from agents.learning.distributions.base import ActionDistribution
from agents.learning.distributions.discrete import Bernoulli, Categorical, MultiCategorical
from agents.learning.distributions.gaussian import DiagonalGaussian


def action_distribution(agent: str, space: Space[Any]) -> ActionDistribution:
    """Return the distribution of the actions of a space.

    Args:
        agent: Who takes them, for the error.
        space: Of one action.

    Raises:
        ValueError: Stable-Baselines3 has no distribution for it, or it does not count from 0, or is a Box of
            whole numbers.
    """
    if isinstance(space, spaces.Discrete) and space.start == 0:
        return Categorical(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1 and not np.any(space.start):
        return MultiCategorical(space.nvec.tolist())
    if isinstance(space, spaces.MultiBinary) and len(space.shape) == 1:
        return Bernoulli(space.shape[0])
    if isinstance(space, spaces.Box) and space.dtype.kind == "f" and 0 not in space.shape:
        return DiagonalGaussian(space.low, space.high)
    raise ValueError(
        f"{agent} takes actions of a Discrete space or a row of MultiDiscrete ones, that start at 0, a row "
        f"of MultiBinary ones, or a Box of real numbers, got {' '.join(str(space).split())}"
    )
