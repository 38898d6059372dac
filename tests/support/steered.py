"""I-Maze with actions of other spaces, and small tasks in which such actions are all there is to learn."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from agents.vec_env.gymnasium import GymnasiumVecEnv
from tests.support.tiny import LANES, maze

ACTIONS: dict[str, spaces.Space[Any]] = {
    "multi-discrete": spaces.MultiDiscrete([2, 3]),
    "multi-binary": spaces.MultiBinary(3),
    "box": spaces.Box(-1.0, 1.0, (3,), np.float32),
}


class Steered(VectorWrapper):
    """A maze whose three actions are chosen by the last, or the largest, number of another action."""

    def __init__(self, env: VectorEnv[Any, Any, Any], kind: str) -> None:
        super().__init__(env)
        self.single_action_space = ACTIONS[kind]
        self.action_space = batch_space(ACTIONS[kind], env.num_envs)

    def step(self, actions: np.ndarray) -> Any:
        assert actions.shape == self.action_space.shape
        assert all(self.single_action_space.contains(each) for each in actions)
        is_choice = isinstance(self.single_action_space, spaces.MultiDiscrete)
        return self.env.step(actions[:, -1] if is_choice else actions.argmax(axis=-1))

    def get_state(self) -> Any:
        return self.env.get_state()  # type: ignore[attr-defined]

    def set_state(self, state: Any) -> None:
        self.env.set_state(state)  # type: ignore[attr-defined]


def steered_lanes(kind: str, lanes: int = LANES) -> VecEnv:
    """As `tests.support.tiny.maze_lanes`, with actions of another space."""
    return VecMonitor(GymnasiumVecEnv(Steered(maze(lanes), kind)))


class Bandit(gymnasium.Env[np.ndarray, Any]):
    """Shows two signs of which an action has to be made, in one step: 0 is the best that can be earned."""

    observation_space = spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, action_space: spaces.Space[Any]) -> None:
        self.action_space = action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.signs = self.np_random.choice([-1.0, 1.0], 2).astype(np.float32)
        return self.signs, {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        if isinstance(self.action_space, spaces.Box):
            wanted = 0.5 * self.signs
        else:
            wanted = (self.signs > 0).astype(np.float32)
        return self.signs, -float(np.abs(action - wanted).sum()), True, False, {}


BANDITS: dict[str, spaces.Space[Any]] = {
    "multi-discrete": spaces.MultiDiscrete([3, 2]),
    "multi-binary": spaces.MultiBinary(2),
    "box": spaces.Box(-1.0, 1.0, (2,), np.float32),
}


def bandit_lanes(kind: str, lanes: int = 16) -> VecEnv:
    return DummyVecEnv([lambda: Monitor(Bandit(BANDITS[kind]))] * lanes)
