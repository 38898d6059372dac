"""Finite tasks played as Gymnasium environments of the usual kind, which draw from `np_random`."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Played(gymnasium.Env[Any, Any]):
    """A finite task behind reset and step.

    Args:
        rules: A `memory_envs.finite.FiniteEnv`.
        idiom: How chance is drawn: "choice", "random" (by comparing with cumulated chances), or "uniform".
        clock: Whether steps are counted, in `steps`, and the episode truncated.
    """

    def __init__(self, rules: Any, idiom: str = "choice", clock: bool = False) -> None:
        self.rules, self.idiom, self.counts, self.steps = rules, idiom, clock, 0
        self.action_space = spaces.Discrete(rules.num_actions)
        self.observation_space = spaces.Text(1000)
        self.state: Any = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[str, dict[str, Any]]:
        super().reset(seed=seed)
        pairs = list(self.rules.starts())
        self.state, self.steps = pairs[self._drawn([chance for chance, _ in pairs])][1], 0
        return self._seen(), {}

    def step(self, action: int) -> tuple[str, float, bool, bool, dict[str, Any]]:
        outcomes = list(self.rules.step(self.state, int(action)))
        outcome = outcomes[self._drawn([each.probability for each in outcomes])]
        self.state, self.steps = outcome.state, self.steps + self.counts
        truncated = self.counts and self.steps >= self.rules.horizon
        info = {"is_success": outcome.success}
        return self._seen(), outcome.reward, outcome.terminated, truncated, info

    def _seen(self) -> str:
        return "over" if self.state == "end" else repr(self.rules.observe(self.state))

    def _drawn(self, chances: list[float]) -> int:
        if self.idiom == "choice":
            return int(self.np_random.choice(len(chances), p=np.array(chances) / sum(chances)))
        if self.idiom == "random":
            return int(np.argmax(np.cumsum(chances) > self.np_random.random()))
        number = self.np_random.uniform(0, 10) / 10
        for index, end in enumerate(np.cumsum(chances)[:-1]):
            if number <= end:
                return index
        return len(chances) - 1
