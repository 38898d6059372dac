"""The single environment keeps Gymnasium's contract and explains itself when it is used wrongly."""

import copy
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env

from memory_envs.imaze import IMazeEnv
from memory_envs.meta_fetch import MetaFetchEnv
from memory_envs.stepping.encoding import OBSERVATIONS
from memory_envs.stepping.env import MemoryEnv
from tests.support import ROOT
from tests.support.registered import TASKS_OR_SLOW

RENDER_MODES = [None, *IMazeEnv.metadata["render_modes"]]


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    """Windows are opened on SDL's display without a screen, and wait for nobody's eyes."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(MemoryEnv.metadata, "render_fps", 10_000)


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("render_mode", RENDER_MODES)
@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_gymnasiums_checker_is_content(env_id, render_mode, observation):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode=render_mode, observation=observation)
        # Without a mode the checker tries all of them itself.
        check_env(env.unwrapped, skip_render_check=render_mode is not None)
        env.reset(seed=0)
        if render_mode is not None:
            env.render()
        env.close()
        env.close()


@pytest.mark.parametrize("observation", OBSERVATIONS)
@pytest.mark.parametrize("render_mode", RENDER_MODES)
@pytest.mark.parametrize("env_id", TASKS_OR_SLOW)
def test_the_checker_of_stable_baselines3_is_content(env_id, render_mode, observation):
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gym.make(env_id, render_mode=render_mode, observation=observation)
        checker.check_env(env.unwrapped)
        env.close()


@pytest.mark.parametrize("action", [3, -1, 1.0, "left", None, np.array([1]), 2**70])
def test_an_action_outside_the_space_is_named_and_changes_nothing(action):
    env = IMazeEnv()
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(error.InvalidAction, match=re.escape(f"in Discrete(3), got {action!r}")):
        env.step(action)
    assert env.get_state() == before


@pytest.mark.parametrize("action", [2, np.int64(2), np.uint8(2), np.array(2)])
def test_every_kind_of_integer_is_an_action(action):
    env = IMazeEnv()
    env.reset(seed=0)
    env.step(action)
    assert env.get_state()["steps"] == 1


def test_stepping_before_reset_or_after_the_end_is_refused():
    env = IMazeEnv(max_episode_steps=2)
    with pytest.raises(error.ResetNeeded, match="before the first reset"):
        env.step(0)
    env.reset(seed=0)
    env.reset()
    env.step(0)
    assert env.step(0)[3] is True
    with pytest.raises(error.ResetNeeded, match="episode 1 has ended; call reset"):
        env.step(0)
    env.reset()
    env.step(0)


@pytest.mark.parametrize("name", ["stream", "episode"])
def test_what_is_not_known_before_reset_says_so(name):
    with pytest.raises(error.ResetNeeded, match=f"{name} was asked for before the first reset"):
        getattr(IMazeEnv(), name)


def test_observations_before_reset_are_refused():
    with pytest.raises(error.ResetNeeded, match=re.escape("observe() was asked for before")):
        IMazeEnv().observe()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="observation must be one of 'onehot', 'tiles', 'rgb', got 'image'"):
        IMazeEnv(observation="image")
    with pytest.raises(ValueError, match="one of 'human', 'rgb_array', 'ansi', got 'rgb'"):
        IMazeEnv(render_mode="rgb")
    with pytest.raises(ValueError, match="size must be an odd integer, from 5 to 255, got 10"):
        gym.make("MemoryEnvs/IMaze-v0", size=10)
    with pytest.raises(TypeError, match="sizes"):
        gym.make("MemoryEnvs/IMaze-v0", sizes=9)


def test_a_seed_begins_a_stream_and_reset_goes_on_in_it():
    env = IMazeEnv()
    env.reset(seed=5)
    stream = env.stream
    assert (env.episode, env.np_random_seed) == (0, 5)
    for episode in (1, 2, 3):
        env.reset()
        assert (env.stream, env.episode, env.np_random_seed) == (stream, episode, 5)
    env.reset(seed=5)
    assert (env.stream, env.episode) == (stream, 0)
    env.reset(seed=6)
    assert env.stream != stream


def test_a_reset_in_the_middle_of_an_episode_does_not_change_the_next_one():
    early, late = IMazeEnv(), IMazeEnv()
    early.reset(seed=1), late.reset(seed=1)
    for _ in range(20):
        late.step(0)
    early.reset(), late.reset()
    assert early.get_state() == late.get_state()


def test_unseeded_environments_differ():
    one, other = IMazeEnv(), IMazeEnv()
    one.reset(), other.reset()
    assert one.stream != other.stream


def test_any_episode_of_any_stream_can_be_begun():
    env, direct = IMazeEnv(), IMazeEnv()
    env.reset(seed=9)
    for _ in range(4):
        expected, _ = env.reset()
    found, _ = direct.reset(options={"stream": env.stream, "episode": 4})
    assert (found == expected).all() and direct.get_state() == env.get_state()


def test_a_stream_alone_begins_at_its_first_episode_whatever_was_played():
    env = IMazeEnv()
    env.reset(seed=1), env.reset()
    env.reset(options={"stream": 77})
    assert (env.stream, env.episode) == (77, 0)
    env.reset(options={"episode": 5})
    assert (env.stream, env.episode) == (77, 5)


@pytest.mark.parametrize(
    "options, kind, message",
    [
        ({"stream": 2**53}, ValueError, "stream must be in [0, 9007199254740991], got 9007199254740992"),
        ({"episode": -1}, ValueError, "episode must be in [0, 4294967295], got -1"),
        ({"level": 3}, ValueError, "options may hold 'stream' and 'episode', got 'level'"),
        ({"stream": 1.5}, TypeError, "option 'stream' must be an integer, got 1.5"),
        (3, TypeError, "options must be a dictionary, got 3"),
    ],
)
def test_bad_options_are_named_and_change_nothing(options, kind, message):
    env = IMazeEnv()
    env.reset(seed=0)
    before, draws = env.get_state(), env.np_random.bit_generator.state
    with pytest.raises(kind, match=re.escape(message)):
        env.reset(seed=1, options=options)
    assert env.get_state() == before and env.np_random.bit_generator.state == draws


def test_a_state_goes_through_json_into_another_environment():
    env, twin = IMazeEnv(delay=3), IMazeEnv(delay=3)
    generator = np.random.default_rng(0)
    env.reset(seed=2)
    for action in generator.integers(0, 3, 60).tolist():
        env.step(action)
    twin.set_state(json.loads(json.dumps(env.get_state())))
    assert twin.state_hash() == env.state_hash() and (twin.observe() == env.observe()).all()
    for action in generator.integers(0, 3, 60).tolist():
        found, expected = twin.step(action), env.step(action)
        assert (found[0] == expected[0]).all() and found[1:] == expected[1:]
    assert (twin.reset()[0] == env.reset()[0]).all() and twin.get_state() == env.get_state()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))])
def test_copies_go_their_own_way_from_the_same_state(duplicate):
    env = gym.make("MemoryEnvs/IMaze-v0", size=11)
    env.reset(seed=0)
    env.step(2)
    twin = duplicate(env)
    assert twin.unwrapped.state_hash() == env.unwrapped.state_hash()
    found, expected = twin.step(0), env.step(0)
    assert (found[0] == expected[0]).all() and found[1:] == expected[1:]
    twin.step(0)
    assert twin.unwrapped.state_hash() != env.unwrapped.state_hash()


def test_a_broken_state_is_refused():
    env = IMazeEnv()
    env.reset(seed=0)
    state = env.get_state()
    with pytest.raises(ValueError, match="heading must be in"):
        env.set_state(state | {"heading": 4})
    with pytest.raises(ValueError, match="phase must be in"):
        env.set_state(state | {"phase": 3})
    with pytest.raises(ValueError, match="state must have the fields stream, episode"):
        env.set_state({"row": 1})
    with pytest.raises(TypeError):
        env.set_state(state | {"row": 1.5})
    with pytest.raises(ValueError, match="outcome must be that of row 1, column 1, got 1"):
        env.set_state(state | {"outcome": 1})
    with pytest.raises(ValueError, match="seen_at must be -1 exactly before the cue was seen"):
        env.set_state(state | {"sight": 2})
    with pytest.raises(ValueError, match=r"phase must be 2 \(over\) in this state, got 1"):
        env.set_state(state | {"steps": 150})
    with pytest.raises(ValueError, match=r"phase must be 1 \(running\) in this state, got 2"):
        env.set_state(state | {"phase": 2})
    assert env.get_state() == state


def test_the_state_hash_tells_states_apart():
    env = IMazeEnv()
    env.reset(seed=0)
    hashes = {env.state_hash()}
    for action in (0, 0, 0, 0, 2):
        env.step(action)
        hashes.add(env.state_hash())
    assert len(hashes) == 6


def test_the_state_hash_is_the_same_in_every_process():
    code = (
        "from memory_envs.imaze import IMazeEnv\n"
        "env = IMazeEnv(); env.reset(seed=0); env.step(2); print(env.state_hash())"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    env = IMazeEnv()
    env.reset(seed=0)
    env.step(2)
    assert found.stdout.strip() == env.state_hash()


def test_reset_and_step_tell_the_same_things():
    env = IMazeEnv()
    _, info = env.reset(seed=0)
    assert info == {"is_success": False}
    _, reward, terminated, truncated, info = env.step(0)
    assert [type(each) for each in (reward, terminated, truncated)] == [float, bool, bool]
    assert info == {"is_success": False} and type(info["is_success"]) is bool


def test_keys_name_actions():
    env = IMazeEnv()
    assert all(action in env.action_space for action in env.get_keys_to_action().values())


def test_a_one_hot_observation_can_be_turned_back_into_the_window():
    flat, tiles = IMazeEnv(), IMazeEnv(observation="tiles")
    observation, _ = flat.reset(seed=0)
    codes, _ = tiles.reset(seed=0)
    assert (observation.reshape(3, 3, 6).argmax(-1) == codes.reshape(3, 3)).all()
    assert observation.sum() == 9


def test_a_state_of_another_configuration_is_refused_in_words():
    other, env = IMazeEnv(size=15, delay=20), IMazeEnv()
    other.reset(seed=0), env.reset(seed=1)
    before = env.get_state()
    with pytest.raises(ValueError, match="size 15 where this one has 9, delay 20 where this one has 0"):
        env.set_state(other.get_state())
    with pytest.raises(ValueError, match="config of the state must be a dictionary, got 3"):
        env.set_state(before | {"config": 3})
    assert env.get_state() == before


def test_a_state_saved_before_states_named_their_configuration_is_taken():
    env, twin = IMazeEnv(), IMazeEnv()
    env.reset(seed=0), twin.reset(seed=1)
    old = {name: value for name, value in env.get_state().items() if name != "config"}
    twin.set_state(old)
    assert twin.get_state() == env.get_state()


def test_a_state_saved_before_there_was_a_setting_has_its_default():
    env, back = MetaFetchEnv(), MetaFetchEnv(on_wrong="back")
    env.reset(seed=0), back.reset(seed=0)
    state = env.get_state()
    later = ("start", "spacing", "on_wrong", "object_reward")
    state["config"] = {name: value for name, value in state["config"].items() if name not in later}
    env.set_state(state)
    with pytest.raises(ValueError, match="on_wrong 0 where this one has 1"):
        back.set_state(state)


def test_twins_share_their_states():
    env, twin = IMazeEnv(), IMazeEnv(observability="full")
    env.reset(seed=0)
    twin.set_state(env.get_state())
    assert twin.state_hash() == env.state_hash()


@pytest.mark.parametrize("value", ["x", None, 1.5, True])
def test_a_field_that_is_no_integer_is_named(value):
    env = IMazeEnv()
    env.reset(seed=0)
    with pytest.raises(TypeError, match=f"state field row must be an integer, got {value!r}"):
        env.set_state(env.get_state() | {"row": value})
    env.set_state(env.get_state() | {"row": np.int64(1)})
    with pytest.raises(TypeError, match="state must be a dictionary, got 3"):
        env.set_state(3)


@pytest.mark.parametrize("make", [gym.make, lambda env_id: gym.make_vec(env_id, num_envs=2)])
@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
def test_attributes_can_be_listed_before_the_first_reset(make, env_id):
    env = make(env_id)
    members = dict(inspect.getmembers(env.unwrapped))
    assert members["max_episode_steps"] in (150, 300) and members["size"] == 9
    for name in dir(env.unwrapped):
        hasattr(env.unwrapped, name)


def test_what_a_reset_brings_is_not_there_before_it():
    env, envs = gym.make("MemoryEnvs/IMaze-v0"), gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2)
    assert not hasattr(env.unwrapped, "stream") and not env.has_wrapper_attr("episode")
    asked = [lambda: env.unwrapped.stream, lambda: env.unwrapped.episode]
    asked += [env.unwrapped.observe, env.unwrapped.scene, envs.observe]
    asked += [lambda: envs.stream(1), lambda: envs.episode(0), lambda: envs.scene(1)]
    for ask in asked:
        with pytest.raises(error.ResetNeeded, match="asked for before the first reset"):
            ask()
    envs.reset(seed=0, options={"reset_mask": np.array([True, False])})
    assert envs.stream(0) >= 0 and envs.scene(0).steps == 0
    with pytest.raises(error.ResetNeeded):
        envs.stream(1)


def test_numpy_scalars_are_numbers(recwarn):
    env = IMazeEnv(
        size=np.int64(7),
        step_penalty=np.float32(0.5),
        delay=np.uint8(1),
        analysis=np.bool_(True),
        render_panel=np.bool_(False),
    )
    twin = IMazeEnv(size=7, step_penalty=0.5, delay=1, analysis=True, render_panel=False)
    assert (env.reset(seed=np.int64(3))[0] == twin.reset(seed=3)[0]).all()
    assert env.config == twin.config and json.dumps(env.get_state()) == json.dumps(twin.get_state())
    assert not recwarn.list
    made = gym.make("MemoryEnvs/IMaze-v0", size=np.int64(7))
    assert EnvSpec.from_json(made.spec.to_json()).kwargs == {"size": 7}
