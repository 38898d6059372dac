"""A replay to look at."""

import gymnasium as gym
import pytest

from memory_envs.policies.reference import RandomPolicy
from memory_envs.replay import Replay, record


@pytest.fixture
def replay() -> Replay:
    """An episode of random play in a maze with a delay."""
    env = gym.make("MemoryEnvs/IMaze-v0", size=13, delay=4)
    return record(env, RandomPolicy(env.action_space, seed=0), seed=3)
