"""Tasks with a cue at the beginning and a choice at the end, played by their rules."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from memory_envs.finite import FiniteEnv
from memory_envs.finite.classic import MemoryChain, TMaze

__all__ = ["MemoryChain", "PlayedFinite", "TMaze"]


class PlayedFinite(gymnasium.Env[NDArray[np.float32], np.int64]):
    """A finite task whose observations are numbers, as a Gymnasium environment.

    `info["is_success"]` of an ended episode says whether it ended well.

    Args:
        rules: The task; `observe` returns a tuple of floats.
        low: Of every number that is observed.
        high: Likewise.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, rules: FiniteEnv, low: float, high: float) -> None:
        self.rules = rules
        self.probabilities, self.first = zip(*rules.starts(), strict=True)
        self.state, self.steps = self.first[0], 0
        self.observation_space = spaces.Box(low, high, self._seen().shape, np.float32)
        self.action_space = spaces.Discrete(rules.num_actions)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Draw a first state."""
        super().reset(seed=seed)
        self.state = self.first[self.np_random.choice(len(self.first), p=self.probabilities)]
        self.steps = 0
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Draw what follows."""
        outcomes = list(self.rules.step(self.state, int(action)))
        chances = [outcome.probability for outcome in outcomes]
        drawn = self.np_random.choice(len(outcomes), p=chances) if len(outcomes) > 1 else 0
        outcome = outcomes[drawn]
        self.state, self.steps = outcome.state, self.steps + 1
        truncated = self.steps >= self.rules.horizon and not outcome.terminated
        over = outcome.terminated or truncated
        info = {"is_success": outcome.success} if over else {}
        return self._seen(), outcome.reward, outcome.terminated, truncated, info

    def _seen(self) -> NDArray[np.float32]:
        return np.array(self.rules.observe(self.state), np.float32)
