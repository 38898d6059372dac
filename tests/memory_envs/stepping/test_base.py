"""Options, signatures and frames, which the single and the vector environment have in common."""

import inspect

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error

from memory_envs.imaze import IMazeEnv, IMazeVectorEnv
from memory_envs.meta_fetch import MetaFetchEnv
from memory_envs.stepping.env import MemoryEnv


def test_frames_are_new_objects_and_follow_the_state():
    env = IMazeEnv(render_mode="rgb_array")
    env.reset(seed=0)
    before = env.render()
    kept = before.copy()
    env.step(0)
    assert (env.render() != before).any() and (before == kept).all()
    before[:] = 0
    assert env.render().any()


@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_lists_of_frames_come_from_gymnasium(env_id, render_mode):
    env = gym.make(env_id, render_mode=f"{render_mode}_list")
    env.reset(seed=0)
    for action in (0, 2, 1):
        env.step(action)
    frames = env.render()
    assert isinstance(frames, list) and len(frames) == 4 and env.render() == []


@pytest.mark.parametrize("env_id", ["MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"])
@pytest.mark.parametrize("render_mode", ["rgb_array", "ansi"])
def test_a_vector_environment_returns_the_frames_of_a_synchronous_one(env_id, render_mode):
    options = {"num_envs": 3, "render_mode": render_mode, "render_view": "agent"}
    native, synchronous = (
        gym.make_vec(env_id, vectorization_mode=mode, **options) for mode in (None, "sync")
    )
    for envs in (native, synchronous):
        envs.reset(seed=4)
        envs.step(np.array([0, 1, 2]))
    frames, expected = native.render(), synchronous.render()
    assert type(frames) is type(expected) is tuple and len(frames) == len(expected) == 3
    assert all(map(np.array_equal, frames, expected))


def test_rendering_before_reset_or_without_a_mode_says_so():
    with pytest.raises(error.ResetNeeded, match=r"render\(\) was asked for before the first reset"):
        IMazeEnv(render_mode="ansi").render()
    with pytest.raises(error.ResetNeeded, match="before the first reset"):
        IMazeVectorEnv(2, render_mode="ansi").render()
    env = IMazeEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="does nothing without a render_mode"):
        assert env.render() is None


@pytest.mark.parametrize("make", [IMazeEnv, MetaFetchEnv, IMazeVectorEnv])
def test_odd_options_are_named(make):
    with pytest.raises(ValueError, match="render_view must be one of 'both', 'room', 'agent', got 'top'"):
        make(render_view="top")
    with pytest.raises(TypeError, match="render_panel must be a bool, got 'no'"):
        make(render_panel="no")


@pytest.mark.parametrize("make, first", [(IMazeEnv, "size"), (IMazeVectorEnv, "num_envs")])
def test_signatures_name_every_option_with_its_default(make, first):
    parameters = inspect.signature(make).parameters
    assert next(iter(parameters)) == first
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in list(parameters.values())[1:])
    defaults = {"size": 9, "start": "end", "delay": 0, "observability": "partial", "max_episode_steps": None}
    defaults |= {"observation": "onehot", "analysis": False, "render_mode": None, "render_panel": True}
    assert {name: parameters[name].default for name in defaults} == defaults
    assert parameters["size"].annotation is int


@pytest.mark.parametrize("make", [gym.make, gym.make_vec])
def test_a_misspelt_option_is_named_with_the_nearest_and_all_there_are(make):
    name = "IMazeVectorEnv" if make is gym.make_vec else "IMazeEnv"
    hint = (
        rf"{name}\(\) got an unexpected keyword argument 'dealy', did you mean 'delay'\? .*size, start, view"
    )
    with pytest.raises(TypeError, match=hint):
        make("MemoryEnvs/IMaze-v0", dealy=3)


@pytest.mark.parametrize(
    "theirs, ours",
    [
        *((name, "observation") for name in ("obs", "obs_type", "obs_mode", "observation_type", "pixels")),
        *((name, "view_size") for name in ("view", "agent_view_size", "fov", "view_radius", "window_size")),
        *((name, "max_episode_steps") for name in ("max_steps", "time_limit", "horizon", "episode_length")),
        *((name, "size") for name in ("grid_size", "maze_size", "width", "height", "room_size")),
        *((name, "step_penalty") for name in ("step_cost", "time_penalty", "step_reward")),
        *((name, "observability") for name in ("full_obs", "fully_observable", "partially_observable")),
        *((name, "start") for name in ("start_pos", "agent_start_pos", "start_position")),
        *((name, "dtype") for name in ("obs_dtype", "observation_dtype", "data_type")),
        *((name, "num_envs") for name in ("n_envs", "num_lanes", "n_lanes")),
        *((name, "num_objects") for name in ("n_objects", "num_items", "objects")),
        *((name, "render_panel") for name in ("panel", "legend", "rendr_panel")),
        ("render_vieww", "render_view"),
        ("wait", "delay"),
    ],
)
def test_what_other_suites_call_an_option_is_answered_with_ours(theirs, ours):
    task = "MetaFetch" if ours == "num_objects" else "IMaze"
    with pytest.raises(TypeError, match=rf"{theirs!r}, did you mean '{ours}'\?"):
        gym.make_vec(f"MemoryEnvs/{task}-v0", **{theirs: 3})
    with pytest.raises(TypeError, match=r"'n_objects' \("):  # nothing here is nearly that
        gym.make("MemoryEnvs/IMaze-v0", n_objects=3)


def test_a_subclass_may_have_a_constructor_of_its_own():
    class Fixed(IMazeEnv):
        def __init__(self, cells: int) -> None:
            super().__init__(size=cells)

    assert list(inspect.signature(Fixed).parameters) == ["cells"]
    assert Fixed(7).config.size == 7

    class Renamed(IMazeEnv):
        pass

    assert inspect.signature(Renamed) == inspect.signature(IMazeEnv)


def test_an_option_may_not_have_the_name_of_one_of_the_interface(t_maze, monkeypatch):
    monkeypatch.setattr(t_maze, "configure", lambda *, observation: None)
    with pytest.raises(ValueError, match="duplicate parameter name: 'observation'"):
        type("Twice", (MemoryEnv,), {"task": t_maze.TMazeEnv.task})
