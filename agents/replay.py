"""A bounded store of the latest unrolls."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.unroll import Unroll


class Replay:
    """The last `capacity` unrolls, sampled uniformly.

    Args:
        capacity: Unrolls kept; the oldest goes first.
        seed: Seed of the samples.
    """

    def __init__(self, capacity: int, seed: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.unrolls: deque[Unroll] = deque(maxlen=capacity)
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.unrolls)

    def add(self, unroll: Unroll) -> None:
        """Append, forgetting the oldest when full."""
        self.unrolls.append(unroll)

    def sample(self) -> Unroll:
        """One unroll."""
        if not self.unrolls:
            raise IndexError("sample from an empty replay: add an unroll first")
        return self.unrolls[int(self.rng.integers(len(self.unrolls)))]

    def state_dict(self) -> dict[str, Any]:
        """All unrolls and the state of the sampler."""
        return {"unrolls": [unroll.to_tree() for unroll in self.unrolls], "rng": self.rng.bit_generator.state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.unrolls.clear()
        self.unrolls.extend(Unroll.from_tree(tree) for tree in state["unrolls"])
        self.rng.bit_generator.state = state["rng"]
