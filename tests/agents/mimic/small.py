"""Students that are taught for a moment."""

from __future__ import annotations

from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from agents.mimic import Mimic
from agents.vec_env.joined import JoinedVecEnv
from agents.vec_env.make import make_lanes

SMALL, LARGE = "MemoryEnvs/IMaze-7x7-v0", "MemoryEnvs/IMaze-v0"
SHORT = {"max_episode_steps": 30}  # with fewer no goal can be reached, and nothing is better than anything
SETTINGS: dict[str, Any] = {"unroll_length": 8, "actor_hidden_size": 8, "distillation_steps": 2}
UNROLL = 3 * SETTINGS["unroll_length"]


def mazes() -> VecEnv:
    """Two lanes of one maze and one of another."""
    return JoinedVecEnv([make_lanes(SMALL, 2, SHORT), make_lanes(LARGE, 1, SHORT)], [SMALL, LARGE])


def student(env: Any = None, **settings: Any) -> Mimic:
    """A small student, in `mazes` unless said otherwise."""
    env = mazes() if env is None else env
    return Mimic("LstmPolicy", env, seed=0, device="cpu", **{**SETTINGS, **settings})
