"""What `import memory_envs` registers, and what it costs."""

import copy
import itertools
import os
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec

from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.meta_fetch import MetaFetchEnv, MetaFetchVectorEnv
from memory_envs.registry.envs import ENVS, register_envs, registered_id
from tests.support import ROOT

TASKS = {"IMaze": (IMazeEnv, IMazeVectorEnv), "MetaFetch": (MetaFetchEnv, MetaFetchVectorEnv)}


def in_new_process(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("row", ENVS, ids=lambda row: row.id)
def test_every_row_can_be_made_both_ways(row):
    env, envs = gym.make(row.id), gym.make_vec(row.id, num_envs=3)
    single, vector = TASKS[row.id.partition("/")[2].partition("-")[0]]
    assert isinstance(env.unwrapped, single) and isinstance(envs, vector)
    assert env.unwrapped.config == envs.config
    assert env.spec.reward_threshold == row.reward_threshold > 0
    limit = env.unwrapped.max_episode_steps
    assert gym.spec(row.id).max_episode_steps == env.spec.max_episode_steps == limit
    assert envs.spec.max_episode_steps == envs.max_episode_steps == limit


def test_settings_are_those_of_the_names():
    assert gym.make("MemoryEnvs/IMaze-v0").unwrapped.config.size == 9
    for size in (7, 15, 21, 31):
        assert gym.make(f"MemoryEnvs/IMaze-{size}x{size}-v0").unwrapped.config.size == size
    assert gym.make("MemoryEnvs/MetaFetch-v0").unwrapped.config.num_objects == 3
    assert gym.make("MemoryEnvs/MetaFetch-4-v0").unwrapped.config.num_objects == 4
    assert gym.make("MemoryEnvs/IMaze-v0", size=13).unwrapped.config.size == 13


def test_vectorizing_gymnasiums_own_way_works_too():
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, vectorization_mode="sync")
    observations, _ = envs.reset(seed=0)
    assert (observations == gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2).reset(seed=0)[0]).all()


def test_environments_run_in_processes_of_their_own():
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, vectorization_mode="async")
    ours = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2)
    assert (envs.reset(seed=3)[0] == ours.reset(seed=3)[0]).all()
    for action in (2, 1, 2):
        assert (envs.step([action] * 2)[0] == ours.step([action] * 2)[0]).all()
    envs.close()


def steps_played(env, lanes=None):
    """Return after how many steps of turning on the spot an episode is truncated."""
    env.reset(seed=0)
    action = 0 if lanes is None else [0] * lanes
    return next(step for step in itertools.count(1) if np.all(env.step(action)[3]))


LIMITS = [
    ({}, 150),
    ({"max_episode_steps": 2}, 2),
    ({"max_episode_steps": 1000}, 1000),
    ({"max_episode_steps": -1}, 150),
    ({"size": 15}, 350),
    ({"size": 15, "max_episode_steps": 150}, 150),
    ({"size": 7, "max_episode_steps": 150}, 150),
]


@pytest.mark.parametrize("kwargs, limit", LIMITS)
def test_a_time_limit_means_the_same_wherever_it_is_given(kwargs, limit):
    env = gym.make("MemoryEnvs/IMaze-v0", **kwargs)
    assert steps_played(env) == env.spec.max_episode_steps == env.unwrapped.max_episode_steps == limit
    assert env.unwrapped.get_state()["phase"] == 2, "the environment itself knows that the episode is over"
    assert env.unwrapped.size == kwargs.get("size", 9)
    for mode in ("vector_entry_point", "sync"):
        envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, vectorization_mode=mode, **kwargs)
        assert steps_played(envs, 2) == limit
    assert gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, **kwargs).spec.max_episode_steps == limit


@pytest.mark.parametrize("kwargs, limit", LIMITS)
def test_a_spec_makes_the_same_environment_again(kwargs, limit):
    env = gym.make("MemoryEnvs/IMaze-v0", **kwargs)
    through_json = EnvSpec.from_json(env.spec.to_json())
    assert through_json == env.spec == pickle.loads(pickle.dumps(env.spec)) == copy.deepcopy(env.spec)
    for spec in (env.spec, through_json, pickle.loads(pickle.dumps(env.spec))):
        again = gym.make(spec)
        assert steps_played(again) == limit and again.unwrapped.config == env.unwrapped.config
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, **kwargs)
    assert gym.make_vec(envs.spec).config == envs.config == env.unwrapped.config
    longer = gym.make(env.spec, max_episode_steps=limit + 5)
    assert steps_played(longer) == longer.unwrapped.max_episode_steps == limit + 5


def test_settings_given_to_a_spec_change_the_limit_that_follows_from_them():
    spec = gym.make("MemoryEnvs/IMaze-v0").spec
    assert steps_played(gym.make(spec, size=15)) == 350


def test_a_limit_of_ones_own_stays_in_the_spec():
    env = gym.wrappers.TimeLimit(gym.make("MemoryEnvs/IMaze-v0"), 20)
    assert env.spec.max_episode_steps == 20 and steps_played(gym.make(env.spec)) == 20


def test_the_limit_of_an_id_registered_elsewhere_reaches_the_environment():
    gym.register("ElsewhereMaze-v0", entry_point=IMazeEnv, max_episode_steps=400)
    try:
        env = gym.make("ElsewhereMaze-v0")
        assert steps_played(env) == env.unwrapped.max_episode_steps == 400
    finally:
        del gym.registry["ElsewhereMaze-v0"]


def test_the_limit_of_another_environment_is_left_to_it():
    class Around(gym.Wrapper):
        def __init__(self):
            super().__init__(IMazeEnv())

    gym.register("AroundMaze-v0", entry_point=Around)
    try:
        env = gym.make("AroundMaze-v0", max_episode_steps=10)
        assert env.unwrapped.max_episode_steps == 150 and steps_played(env) == 10
    finally:
        del gym.registry["AroundMaze-v0"]


def test_an_impossible_limit_is_refused_by_name():
    for make in (gym.make, gym.make_vec):
        with pytest.raises(ValueError, match="max_episode_steps must be an integer, at least 1, got 0"):
            make("MemoryEnvs/IMaze-v0", max_episode_steps=0)


def test_no_second_clock_runs_unless_it_is_asked_for():
    env = gym.make("MemoryEnvs/IMaze-v0")
    env.reset(seed=0)
    first = env.unwrapped.get_state()
    for _ in range(149):
        assert not env.step(0)[3]
    env.unwrapped.set_state(first)
    assert not any(env.step(0)[3] for _ in range(149)) and env.step(0)[3]


def test_time_can_be_observed():
    env = gym.wrappers.TimeAwareObservation(gym.make("MemoryEnvs/IMaze-v0", size=15), flatten=False)
    assert env.observation_space["time"].high.item() == 350


def test_registering_again_changes_nothing():
    before = dict(gym.registry)
    register_envs()
    assert gym.registry == before


def test_importing_the_package_loads_neither_compiler_nor_painter():
    code = (
        "import sys, memory_envs\n"
        "heavy = 'numba', 'pygame', 'torch', 'memory_envs.stepping.env', 'PIL'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    assert in_new_process(code) == "[]"


def test_importing_the_package_adds_little_to_importing_gymnasium():
    clock = "time.process_time()"
    code = f"import time, gymnasium; start = {clock}; import memory_envs; print({clock} - start)"
    assert min(float(in_new_process(code)) for _ in range(3)) < 0.15


def test_a_module_in_the_id_imports_the_package_and_playing_loads_no_painter():
    code = (
        "import sys, gymnasium\n"
        "env = gymnasium.make('memory_envs:MemoryEnvs/IMaze-v0', render_mode='ansi')\n"
        "env.reset(); env.step(0); env.render()\n"
        "print(env.unwrapped, 'pygame' in sys.modules)"
    )
    assert in_new_process(code) == "<IMazeEnv<MemoryEnvs/IMaze-v0>> False"


@pytest.mark.parametrize("numbered, own", [("IMaze-9x9", "IMaze"), ("MetaFetch-3", "MetaFetch")])
def test_the_first_ids_are_found_by_the_number_in_the_names_of_the_others(numbered, own):
    own = f"MemoryEnvs/{own}-v0"
    for other in (f"MemoryEnvs/{numbered}-v0", f"memory_envs:MemoryEnvs/{numbered}-v0"):
        env, envs = gym.make(other), gym.make_vec(other, num_envs=3)
        assert env.unwrapped.config == envs.config == gym.make(own).unwrapped.config
        assert env.spec.id == envs.spec.id == own
        assert gym.spec(own).reward_threshold == env.spec.reward_threshold
        assert gym.make_vec(other, num_envs=2, vectorization_mode="sync").envs[0].spec.id == own
        assert registered_id(other) == own == registered_id(own)
    for asked in (other.replace("-v0", ""), other.replace("-v0", "-v7")):
        with pytest.raises(gym.error.Error, match="v0") if "v7" in asked else pytest.warns(UserWarning):
            assert gym.make(asked).spec.id == own
