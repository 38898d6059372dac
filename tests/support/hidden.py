"""Environments whose learner may see what its actor does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from agents.ald import ALD
from agents.vec_env.gymnasium import GymnasiumVecEnv
from tests.support.tiny import LANES, CueEnv, maze, tiny_model

CRITIC: dict[str, Any] = {"learner_only": ("state",)}
POLICY: dict[str, Any] = {
    **CRITIC,
    "learner_sees": "policy",
    "distillation_direction": "learner_actor",
    "backtrack_target_kl": 0.01,
    "actor_rl_coef": 0.5,
}


class CueAndState(CueEnv):
    """`CueEnv`, the cue told at every step beside what is seen, and a number that says nothing."""

    observation_space = spaces.Dict(  # type: ignore[assignment]
        {"seen": CueEnv.observation_space, "state": spaces.Discrete(2), "noise": spaces.Box(-1, 1, (2,))}
    )

    def reset(self, **arguments: Any) -> Any:
        seen, info = super().reset(**arguments)
        return self._parts(seen), info

    def step(self, action: int) -> Any:
        seen, *rest = super().step(action)
        return self._parts(seen), *rest

    def _parts(self, seen: np.ndarray) -> dict[str, Any]:
        noise = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return {"seen": seen, "state": self.cue, "noise": noise}


def state_lanes(lanes: int = LANES) -> VecEnv:
    """`CueAndState` in lanes."""
    return DummyVecEnv([lambda: Monitor(CueAndState())] * lanes)


def knowing_lanes(lanes: int = LANES, **settings: Any) -> VecEnv:
    """The lanes of `tests.support.tiny.maze_lanes`, with the state beside the observation."""
    return VecMonitor(GymnasiumVecEnv(maze(lanes, **{"privileged": "state", **settings})))


def knowing_model(env: VecEnv | None = None, **settings: Any) -> ALD:
    return tiny_model(env or knowing_lanes(), **{**CRITIC, **settings})
