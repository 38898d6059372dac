"""What `import memory_envs` registers, and what it costs."""

import os
import subprocess
import sys

import gymnasium as gym
import pytest

from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.meta_fetch import MetaFetchEnv, MetaFetchVectorEnv
from registry.envs import ENVS, register_envs
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
    assert env.spec.max_episode_steps is None


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


def test_a_time_limit_reaches_both_kinds():
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=1, max_episode_steps=2)
    env = gym.make("MemoryEnvs/IMaze-v0", max_episode_steps=2)
    envs.reset(seed=0), env.reset(seed=0)
    assert not envs.step([0])[3].any() and not env.step(0)[3]
    assert envs.step([0])[3].all() and env.step(0)[3]


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
