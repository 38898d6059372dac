"""Tasks and settings that are small enough to train on within a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.logger import KVWriter
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

import memory_envs  # noqa: F401  registers the environments
from agents.ald import ALD
from agents.baselines import VMPO
from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.state import get_env_state

SETTINGS: dict[str, Any] = {
    "unroll_length": 6,
    "actor_hidden_size": 8,
    "learner_layers": 1,
    "learner_width": 8,
    "learner_heads": 2,
    "learner_mlp_width": 8,
    "learner_memory": 8,
    "learner_replays": 1,
    "distillation_steps": 2,
    "replay_size": 3,
}
LANES = 4
UNROLL = LANES * SETTINGS["unroll_length"]


VMPO_SETTINGS: dict[str, Any] = {
    "unroll_length": 8,
    "learner_layers": 2,
    "learner_width": 16,
    "learner_heads": 2,
    "learner_mlp_width": 16,
    "learner_memory": 6,
    "lstm_hidden_size": 8,
    "replay_size": 4,
    "replay_lanes": 2,
}
VMPO_LANES = 3
VMPO_UNROLL = VMPO_LANES * VMPO_SETTINGS["unroll_length"]
VMPO_POLICIES = ("LstmPolicy", "GTrXLPolicy", "AsymmetricPolicy", "GRUPolicy", "LRUPolicy")


class CueEnv(gymnasium.Env[np.ndarray, int]):
    """Shows one of two cues, then nothing but that it is time to choose: +1 for the cue's number."""

    observation_space = spaces.Box(0, 1, (3,), np.float32)
    action_space = spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        self.cue, self.choosing = int(self.np_random.integers(2)), False
        return np.eye(3, dtype=np.float32)[self.cue], {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        choose = np.eye(3, dtype=np.float32)[2]
        if not self.choosing:
            self.choosing = True
            return choose, 0.0, False, False, {}
        right = int(action) == self.cue
        return choose, float(right), True, False, {"is_success": right}


class Showcase(gymnasium.Env[Any, int]):
    """Random observations of any space; episodes end after 5 steps, by their rules and by time in turn."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.steps = self.episodes = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        self.steps = 0
        self.episodes += 1
        return self.observation_space.sample(), {}

    def step(self, action: int) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.steps += 1
        over, timed_out = self.steps == 5, self.episodes % 2 == 0
        return self.observation_space.sample(), 1.0, over and not timed_out, over and timed_out, {}


def maze(lanes: int = LANES, **settings: Any) -> VectorEnv[Any, Any, Any]:
    """I-Maze in lanes that time out often."""
    short = {"max_episode_steps": 9, "step_penalty": 0.125}  # without a penalty nearly all returns would be 0
    return gymnasium.make_vec(
        "MemoryEnvs/IMaze-v0",
        num_envs=lanes,
        autoreset_mode=AutoresetMode.SAME_STEP,
        **short | settings,
    )


def maze_lanes(lanes: int = LANES, max_episode_steps: int = 9) -> VecEnv:
    """`maze` as Stable-Baselines3 has it."""
    return VecMonitor(GymnasiumVecEnv(maze(lanes, max_episode_steps=max_episode_steps)))


def cue_lanes(lanes: int = LANES) -> VecEnv:
    """`CueEnv` in lanes."""
    return DummyVecEnv([lambda: Monitor(CueEnv())] * lanes)


def tiny_model(env: Any, seed: int | None = 0, **settings: Any) -> ALD:
    return ALD("LstmPolicy", env, seed=seed, device="cpu", **{**SETTINGS, **settings})


def maze_model(seed: int | None = 0, env: VecEnv | None = None, **settings: Any) -> ALD:
    return tiny_model(env or maze_lanes(), seed, **settings)


def vmpo_model(policy: str = "GTrXLPolicy", seed: int | None = 0, **settings: Any) -> VMPO:
    return VMPO(policy, maze_lanes(VMPO_LANES), seed=seed, device="cpu", **{**VMPO_SETTINGS, **settings})


class Rows(KVWriter):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        self.rows.append(dict(key_values))

    def close(self) -> None:
        """Nothing is open."""


def everything(model: ALD) -> dict[str, Any]:
    """All that training depends on and leaves behind."""
    assert model.env is not None
    environment = get_env_state(model.env)
    if environment is not None:
        # Draws streams for lanes that are reset without a seed; those of a model have one.
        del environment["inner"]["env"]["np_random"]
    return {
        "policy": model.policy.state_dict(),
        "policy_optimizer": model.policy.optimizer.state_dict(),
        "learner": model.learner.state_dict(),
        "replay": model.replay.state_dict(),
        "actor": model.actor.state_dict(),
        "environment": environment,
        "episodes": [dict(r=float(info["r"]), l=int(info["l"])) for info in model.ep_info_buffer or ()],
        "successes": [float(success) for success in model.ep_success_buffer or ()],
        "num_timesteps": model.num_timesteps,
    }


def differences(left: Any, right: Any, place: str = "") -> list[str]:
    """Where two trees of tensors, arrays and plain values differ, to the bit."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        if left.keys() != right.keys():
            return [f"{place}: keys"]
        return [each for key in left for each in differences(left[key], right[key], f"{place}/{key}")]
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return [] if left.dtype == right.dtype and torch.equal(left, right) else [place]
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        return [] if left.dtype == right.dtype and np.array_equal(left, right) else [place]
    if isinstance(left, Sequence) and isinstance(right, Sequence) and not isinstance(left, str):
        if len(left) != len(right):
            return [f"{place}: length"]
        pairs = enumerate(zip(left, right, strict=True))
        return [each for index, pair in pairs for each in differences(*pair, f"{place}/{index}")]
    return [] if type(left) is type(right) and left == right else [place]
