"""From an id to environments: ours are compiled, all others SB3's."""

from __future__ import annotations

import gymnasium
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.make import make_lanes

IMAZE = "MemoryEnvs/IMaze-v0"


def test_own_ids_get_their_own_vector_environment_and_others_that_of_sb3():
    own = make_lanes(f"memory_envs:{IMAZE}", 7, {"size": 11})
    assert isinstance(own, VecMonitor) and isinstance(own.venv, GymnasiumVecEnv) and own.num_envs == 7
    assert own.venv.env.config.size == 11
    assert isinstance(make_lanes("CartPole-v1", 2), DummyVecEnv)


def test_unknown_environments_are_refused():
    with pytest.raises(gymnasium.error.Error, match="IMaze"):
        make_lanes("MemoryEnvs/IMase-v0", 2)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        make_lanes("no_such_module:Env-v0", 2)
