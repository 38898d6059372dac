"""Environments of any spaces whose episodes end when they like, and recurrent PPO trained in them."""

from __future__ import annotations

import copy

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

VECTOR = spaces.Box(-1.0, 1.0, (3,))
PICTURE = spaces.Box(0, 255, (36, 36, 3), np.uint8)
KEYED = spaces.Dict({"place": VECTOR, "sign": spaces.Discrete(4), "lights": spaces.MultiBinary(2)})
SMALL = {"lstm_hidden_size": 16, "net_arch": [8]}


class Erratic(gym.Env):
    """Observations of any kind; episodes end, in both ways, when they like."""

    def __init__(self, observation_space=VECTOR, action_space=None, ends=0.1, cut=0.1):
        self.observation_space = observation_space
        self.action_space = spaces.Discrete(3) if action_space is None else action_space
        self.ends, self.cut = ends, cut

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        ends, cut = self.np_random.random(2) < (self.ends, self.cut)
        reward = float(self.np_random.normal() + np.sum(action))
        return self.observation_space.sample(), reward, bool(ends), bool(cut), {}


def envs(number=3, **kwargs):
    # One space object per environment: spaces hold the generator that they sample with.
    return DummyVecEnv([lambda: Erratic(**copy.deepcopy(kwargs))] * number)


def trained(algorithm, env, frames=None, *, policy="MlpLstmPolicy", policy_kwargs=None, **kwargs):
    settings = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "learning_rate": 1e-3} | kwargs
    model = algorithm(
        policy, env, seed=3, device="cpu", policy_kwargs=SMALL | (policy_kwargs or {}), **settings
    )
    return model.learn(2 * model.n_steps * model.n_envs if frames is None else frames)
