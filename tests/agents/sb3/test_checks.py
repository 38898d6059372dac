"""Spaces and environments that an agent cannot work with are refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

from tests.support.tiny import CueEnv, Showcase, tiny_model

BOX = spaces.Box(-1, 1, (3,), np.float32)
WRONG_ACTIONS = [
    spaces.Box(-1, 1, (2,)),
    spaces.Box(-np.inf, np.inf, (2,)),
    spaces.MultiDiscrete([2, 2]),
    spaces.MultiBinary(2),
    spaces.Discrete(2, start=1),
]


@pytest.mark.parametrize("space", WRONG_ACTIONS, ids=str)
def test_other_actions_are_refused_by_name(space: spaces.Space[Any]) -> None:
    with pytest.raises(ValueError, match=rf"actions of a Discrete space.*got {type(space).__name__}"):
        tiny_model(Showcase(BOX, space))


def test_a_vector_env_without_the_bridge_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match="SyncVectorEnv: wrap it in agents.vec_env.GymnasiumVecEnv"):
        tiny_model(SyncVectorEnv([CueEnv]))
