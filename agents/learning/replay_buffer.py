"""A bounded store of the latest unrolls."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from agents.learning.unroll import Unroll, join_lanes


class ReplayBuffer:
    """The last `capacity` unrolls: whole ones sampled uniformly, single lanes of them by priority.

    Args:
        capacity: Unrolls kept; the oldest goes first.
        seed: Seed of the samples.
        priority_exponent: How much a lane's priority counts: 0 not at all, 1 in proportion (Schaul et al.
            2016).
    """

    def __init__(self, capacity: int, seed: int, priority_exponent: float = 1.0) -> None:
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self.unrolls: deque[Unroll] = deque(maxlen=capacity)
        self.priorities: deque[np.ndarray] = deque(maxlen=capacity)
        self.seed(seed)
        self.priority_exponent = priority_exponent

    def seed(self, seed: int) -> None:
        """Draw the coming samples from a new stream."""
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.unrolls)

    def add(self, unroll: Unroll) -> None:
        """Append an unroll that carries the learner's outputs, forgetting the oldest when full.

        A lane's priority is its mean absolute advantage when it came; it is not renewed, since unrolls live
        briefly.
        """
        if unroll.learner is None:
            raise ValueError(
                "ReplayBuffer.add: an unroll without learner outputs; pass it to the learner first"
            )
        self.unrolls.append(unroll)
        self.priorities.append(unroll.learner.advantage.abs().mean(dim=0).double().cpu().numpy())

    def sample(self, latest: int | None = None) -> Unroll:
        """One whole unroll of the `latest` ones (of all when None), all equally likely."""
        return self.unrolls[len(self) - 1 - self.draw_age(latest)]

    def draw_age(self, latest: int | None = None) -> int:
        """How old the unroll is that `sample` would return: 0 is the youngest."""
        self._require_content()
        count = len(self) if latest is None else min(latest, len(self))
        return int(self.rng.integers(count))

    def sample_lanes(self, count: int) -> Unroll:
        """An unroll put together from `count` lanes of any of the unrolls, with replacement, by priority."""
        self._require_content()
        weight = np.concatenate(self.priorities) ** self.priority_exponent
        total = weight.sum()
        chance = weight / total if total > 0 else np.full(len(weight), 1 / len(weight))
        lanes = np.concatenate([np.arange(len(priority)) for priority in self.priorities])
        owner = np.repeat(np.arange(len(self)), [len(priority) for priority in self.priorities])
        chosen = self.rng.choice(len(chance), size=count, p=chance)
        return join_lanes([(self.unrolls[owner[index]], int(lanes[index])) for index in chosen])

    def _require_content(self) -> None:
        if not self.unrolls:
            raise IndexError("sample from an empty replay buffer: add an unroll first")

    def state_dict(self) -> dict[str, Any]:
        """All unrolls and the state of the sampler."""
        return {
            "unrolls": [unroll.to_tree() for unroll in self.unrolls],
            "priorities": list(self.priorities),
            "rng": self.rng.bit_generator.state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.unrolls.clear()
        self.unrolls.extend(Unroll.from_tree(tree) for tree in state["unrolls"])
        self.priorities.clear()
        self.priorities.extend(state["priorities"])
        self.rng.bit_generator.state = state["rng"]
