"""Lanes of other processes: spaces and number are known here, and nobody but the actors steps them."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.vec_env.remote import RemoteLanes
from tests.support.tiny import LANES, Showcase, maze_lanes


def test_remote_lanes_have_the_spaces_of_the_others_and_refuse_to_step() -> None:
    lanes, local = RemoteLanes(maze_lanes, LANES), maze_lanes()
    assert (lanes.num_envs, lanes.observation_space) == (LANES, local.observation_space)
    for refused in (lanes.reset, lambda: lanes.step(np.zeros(LANES)), lambda: lanes.get_attr("spec")):
        with pytest.raises(RuntimeError, match="Ray engine"):
            refused()


def test_images_have_their_channels_first_in_the_workers_too() -> None:
    def make(lanes: int) -> DummyVecEnv:
        image = spaces.Box(0, 255, (36, 40, 3), np.uint8)
        return DummyVecEnv([lambda: Showcase(image, spaces.Discrete(2))] * lanes)

    remote = RemoteLanes(make, 2)
    assert remote.observation_space.shape == (3, 36, 40)
    assert remote.make(2).reset().shape == (2, 3, 36, 40)
