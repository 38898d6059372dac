"""From an id to environments: ours are compiled, all others SB3's."""

from __future__ import annotations

import gymnasium
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.make import is_native, make_lanes, resolve_id, shown_privileged, told

IMAZE, OTHER = "MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-9x9-v0"


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


@pytest.mark.parametrize("name", [f"memory_envs:{IMAZE}", OTHER, f"memory_envs:{OTHER}"])
def test_other_names_of_own_ids_are_own_ids(name):
    lanes = make_lanes(name, 2)
    assert isinstance(lanes, VecMonitor) and isinstance(lanes.venv, GymnasiumVecEnv)
    assert resolve_id(name) == IMAZE and is_native(name)


@pytest.mark.parametrize(
    ("env_kwargs", "analysis"),
    [
        ({}, ["avoidable"]),
        ({"analysis": False}, ["avoidable"]),
        ({"analysis": ["known_cue"]}, ["known_cue", "avoidable"]),
        ({"analysis": ["avoidable"]}, ["avoidable"]),
        ({"analysis": True}, True),
    ],
)
def test_infos_can_be_asked_to_tell_more(env_kwargs, analysis):
    assert told(IMAZE, {"size": 7, **env_kwargs}, "avoidable") == {"size": 7, "analysis": analysis}
    assert told("CartPole-v1", {"sutton_barto_reward": True}, "avoidable") == {"sutton_barto_reward": True}


@pytest.mark.parametrize(
    ("env_kwargs", "names", "privileged"),
    [
        ({}, ("state",), ["state"]),
        ({"privileged": "full"}, ("state",), ["full", "state"]),
        ({"privileged": ["state"]}, ("state", "full"), ["state", "full"]),
        ({}, ("memory", "full"), ["memory", "full"]),
    ],
)
def test_observations_can_be_asked_to_have_privileged_parts(env_kwargs, names, privileged):
    asked = shown_privileged(IMAZE, {"size": 7, **env_kwargs}, names)
    assert asked == {"size": 7, "privileged": privileged}
    assert set(make_lanes(IMAZE, 1, asked).observation_space) == {"observation", *privileged}
    assert shown_privileged(IMAZE, {"size": 7}, ()) == {"size": 7}
    assert shown_privileged("CartPole-v1", {}, names) == {}
