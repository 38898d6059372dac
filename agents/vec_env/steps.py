"""The steps of a Stable-Baselines3 VecEnv in Gymnasium's shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from agents.learning.steps import Step


class GymnasiumSteps:
    """What the actor steps, around any SB3 `VecEnv`; the inverse of `GymnasiumVecEnv`, as far as acting goes.

    Args:
        env: The lanes.
    """

    def __init__(self, env: VecEnv) -> None:
        self.env, self.num_envs = env, env.num_envs

    def seed(self, seed: int) -> None:
        """Seed lane i with `seed` + i at the next reset."""
        self.env.seed(seed)

    def reset(self) -> Any:
        """Begin episodes in all lanes and return what they show."""
        return self.env.reset()

    def step(self, actions: np.ndarray) -> Step:
        """Step all lanes; see `agents.learning.steps.SteppedEnv`."""
        step = from_sb3(*self.env.step(actions))
        return step._replace(first_infos=begun_infos(self.env, step.done))

    def first_infos(self) -> Sequence[Mapping[str, Any]]:
        """[B] the infos of the last `reset`."""
        return reset_infos(self.env)


def reset_infos(env: VecEnv) -> Sequence[Mapping[str, Any]]:
    """Return the infos beside the first observations of episodes, which SB3's wrappers do not pass on."""
    return unwrapped(env).reset_infos


def unwrapped(env: VecEnv) -> VecEnv:
    """Return what lies below all of SB3's wrappers."""
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    return env


def begun_infos(env: VecEnv, dones: np.ndarray) -> dict[int, Mapping[str, Any]]:
    """Return, by lane whose episode has just ended, the info beside the first observation of the next one."""
    ended = np.flatnonzero(dones).tolist()
    if not ended:
        return {}
    infos = reset_infos(env)
    return {lane: infos[lane] for lane in ended}


def from_sb3(
    observation: Any, reward: np.ndarray, dones: np.ndarray, infos: Sequence[dict[str, Any]]
) -> Step:
    """What `VecEnv.step` returned, with the two kinds of ending apart: SB3 hides them in the infos."""
    truncated = np.zeros(len(dones), dtype=np.bool_)
    final_observation = {}
    for lane in np.flatnonzero(dones).tolist():
        if infos[lane].get("TimeLimit.truncated", False):
            truncated[lane] = True
            final_observation[lane] = infos[lane]["terminal_observation"]
    return Step(observation, reward, dones & ~truncated, truncated, infos, final_observation)
