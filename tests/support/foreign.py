"""Environments of other people, registered under "Foreign/...": any observations, habits of all kinds."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

KINDS: dict[str, spaces.Space[Any]] = {
    "Vector": spaces.Box(-1, 1, (3,), np.float32),
    "Table": spaces.Box(0, 1000, (2, 2), np.uint16),
    "Picture": spaces.Box(0, 255, (36, 40, 3), np.uint8),
    "Choice": spaces.Discrete(5),
    "Choices": spaces.MultiDiscrete([3, 2]),
    "Flags": spaces.MultiBinary(4),
    "Parts": spaces.Dict(
        picture=spaces.Box(0, 255, (36, 40, 3), np.uint8),
        vector=spaces.Box(-1, 1, (2,), np.float32),
        choice=spaces.Discrete(4),
    ),
}


class Foreign(gymnasium.Env[Any, int]):
    """Random observations for 6 steps; the first action is right or wrong.

    Args:
        kind: Of the observations, a key of KINDS.
        success: Which episodes say whether they succeeded: "all", "none", or "good" ones only.
        render_mode: "rgb_array", or None.
        seeds: Seeds from this on are refused, as simulators do that keep them in fewer bits.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 60}
    action_space = spaces.Discrete(3)

    def __init__(
        self,
        kind: str = "Vector",
        success: str = "all",
        render_mode: str | None = None,
        seeds: int = 2**64,
    ) -> None:
        self.observation_space = KINDS[kind]
        self.success, self.render_mode, self.seeds = success, render_mode, seeds

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        if seed is not None and seed >= self.seeds:
            raise OverflowError(f"Python int too large to convert to C long: {seed}")
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps, self.right = 0, False
        return self.observation_space.sample(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.right = self.right if self.steps else int(action) == 1
        self.steps += 1
        over = self.steps == 6
        says = over and (self.success == "all" or (self.success == "good" and self.right))
        info = {"is_success": self.right} if says else {}
        return self.observation_space.sample(), float(over and self.right), over, False, info

    def render(self) -> np.ndarray | None:
        if self.render_mode is None:
            return None
        return np.full((16, 16, 3), 40 * self.steps, np.uint8)


class Bare(Foreign):
    """One that says nothing of rendering, and takes no word of it."""

    metadata: dict[str, Any] = {}

    def __init__(self, seeds: int = 2**64) -> None:
        super().__init__(seeds=seeds)


for _kind in KINDS:
    gymnasium.register(f"Foreign/{_kind}-v0", Foreign, kwargs={"kind": _kind}, max_episode_steps=5)
gymnasium.register("Foreign/Open-v0", Foreign)  # without a time limit
gymnasium.register("Foreign/Bare-v0", Bare)
