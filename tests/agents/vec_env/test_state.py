"""Environments are put back into the middle of their episodes, or say that they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, VecMonitor

from agents.vec_env.state import get_env_state, set_env_state
from tests.support.tiny import LANES, CueEnv, maze_lanes


def test_environments_are_put_back_with_their_episode_statistics() -> None:
    env, other = maze_lanes(), maze_lanes()
    env.seed(3)
    env.reset()
    actions = np.random.default_rng(0).integers(3, size=(40, LANES))
    for action in actions[:20]:
        env.step(action)
    state = get_env_state(env)
    assert state is not None
    set_env_state(other, state)
    for action in actions[20:]:
        left, right = env.step(action), other.step(action)
        for info in (*left[3], *right[3]):
            info.get("episode", {}).pop("t", None)  # seconds
        for mine, theirs in zip(left, right, strict=True):
            np.testing.assert_equal(mine, theirs)


def test_environments_that_cannot_tell_their_state_say_so() -> None:
    assert get_env_state(DummyVecEnv([CueEnv])) is None
    assert get_env_state(VecMonitor(DummyVecEnv([CueEnv]))) is None


def test_a_state_fits_environments_of_its_make_only() -> None:
    env = maze_lanes()
    env.reset()
    state = get_env_state(env)
    assert state is not None
    for other in (DummyVecEnv([CueEnv]), VecMonitor(DummyVecEnv([CueEnv]))):
        with pytest.raises(ValueError, match="DummyVecEnv: build them as for training"):
            set_env_state(other, state if isinstance(other, VecMonitor) else state["inner"])
    with pytest.raises(ValueError, match=f"num_envs={LANES + 1}"):
        set_env_state(maze_lanes(LANES + 1), state)


@pytest.mark.parametrize("name", ["episode_returns", "episode_lengths", "episode_count", "inner"])
def test_a_state_that_lacks_something_changes_nothing(name):
    env = maze_lanes(2)
    env.seed(0)
    env.reset()
    other = get_env_state(env)
    env.step(np.array([2, 2]))
    before = get_env_state(env)
    with pytest.raises(ValueError):
        set_env_state(env, {key: value for key, value in other.items() if key != name})
    assert get_env_state(env)["inner"] == before["inner"]
