"""An environment that shows or pays something that is no number, from some step on."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from tests.support.tiny import CueEnv

ID = "NotFinite-v0"


class NotFinite(CueEnv):
    """`CueEnv` with one broken part.

    Args:
        part: "reward" or "observation".
        value: What comes in its place.
        after: Steps of this lane before it does.
    """

    def __init__(self, part: str, value: str = "nan", after: int = 40) -> None:
        self.part, self.value, self.left = part, float(value), after

    def step(self, action: int) -> Any:
        observation, reward, *rest = super().step(action)
        self.left -= 1
        if self.left < 0 and self.part == "reward":
            reward = self.value
        if self.left < 0 and self.part == "observation":
            observation = np.full_like(observation, self.value)
        return observation, reward, *rest


gymnasium.register(ID, NotFinite, max_episode_steps=100)
