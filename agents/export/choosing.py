"""How actions are drawn from what an exported actor says, with numpy alone."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory_envs.registry.json_text import build
from memory_envs.registry.limits import MAX_SPACE

Floats = NDArray[np.float32]


class Choosing(Protocol):
    """What a kind of actions needs.

    Attributes:
        output: Name of the graph's output that says the policy, [N, width].
        width: Its length.
        shape: Of an action.
        dtype: Of an action.
    """

    output: str
    width: int
    shape: tuple[int, ...]
    dtype: Any

    def sample(self, policy: Floats, rng: np.random.Generator) -> NDArray[Any]:
        """Draw N actions, each of the shape, from what was said, [N, width]."""


class Choices:
    """One choice or several, by their logits; of a Discrete space, or of a MultiDiscrete one."""

    output, dtype = "logits", np.int64

    def __init__(self, counts: list[int], shape: tuple[int, ...]) -> None:
        self.counts, self.shape, self.width = counts, shape, sum(counts)

    def sample(self, policy: Floats, rng: np.random.Generator) -> NDArray[Any]:
        """The largest of logits with Gumbel noise is a sample of their softmax."""
        noisy = policy + rng.gumbel(size=policy.shape)
        parts = np.split(noisy, np.cumsum(self.counts)[:-1], axis=-1)
        chosen = np.stack([part.argmax(axis=-1) for part in parts], axis=-1)
        return chosen.astype(np.int64).reshape(-1, *self.shape)


class Bits:
    """Bits, by the logits of their being 1; of a MultiBinary space."""

    output, dtype = "logits", np.float32
    shape: tuple[int, ...]

    def __init__(self, count: int) -> None:
        self.shape, self.width = (count,), count

    def sample(self, policy: Floats, rng: np.random.Generator) -> NDArray[Any]:
        """A logit with logistic noise is above 0 with the probability that it stands for."""
        return (policy + rng.logistic(size=policy.shape) > 0).astype(np.float32)


class Numbers:
    """Numbers within bounds, by means and logarithms of spreads; of a Box."""

    output, dtype = "mean_and_log_std", np.float32

    def __init__(self, low: NDArray[Any], high: NDArray[Any]) -> None:
        self.low, self.high, self.shape, self.width = low, high, low.shape, 2 * low.size

    def sample(self, policy: Floats, rng: np.random.Generator) -> NDArray[Any]:
        """Normal numbers, clipped to the bounds."""
        mean, log_std = np.split(policy, 2, axis=-1)
        drawn = mean + np.exp(log_std) * rng.normal(size=mean.shape)
        return np.clip(drawn.astype(np.float32).reshape(-1, *self.shape), self.low, self.high)


def choosing(space: Any) -> Choosing:
    """Return how actions of a space are drawn.

    Args:
        space: As `agents.sb3.spaces` describes it.

    Raises:
        ValueError: It does not describe a space of actions.
    """
    try:
        if space["type"] == "Discrete":
            return Choices([_count(space["n"])], ())
        if space["type"] == "MultiDiscrete":
            counts = [_count(each) for each in build(list[int], space["nvec"], "nvec")]
            return Choices(counts, (_count(len(counts)),))
        if space["type"] == "MultiBinary":
            [count] = np.atleast_1d(space["n"]).tolist()
            return Bits(_count(count))
        if space["type"] == "Box":
            shape = tuple(build(list[int], space["shape"], "shape"))
            if not 0 < math.prod(shape) <= MAX_SPACE or min(shape, default=1) < 1:
                raise ValueError(f"shape {shape}")
            return Numbers(*(_bounds(space[side], shape) for side in ("low", "high")))
    except (LookupError, TypeError, ValueError, ArithmeticError) as problem:
        raise ValueError(f"has metadata that are damaged: the space of actions: {problem}") from problem
    raise ValueError(f"has actions of a space of type {space['type']!r:.40}, which no exported actor has")


def _count(value: Any) -> int:
    count = build(int, value, "n")
    if not 0 < count <= MAX_SPACE:
        raise ValueError(f"{count} choices")
    return count


def _bounds(values: Any, shape: tuple[int, ...]) -> Floats:
    """Bounds of that shape from one for all, or from a flat list; infinite ones are strings."""
    array = np.array(values, dtype=np.float32)
    if np.isnan(array).any():
        raise ValueError(f"bounds {values!r:.40}")
    return np.full(shape, array) if array.ndim == 0 else array.reshape(shape)
