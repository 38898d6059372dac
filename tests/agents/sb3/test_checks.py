"""Spaces and environments that an agent cannot work with are refused by name."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv

from tests.support.tiny import CueEnv, tiny_model

BOX = spaces.Box(-1, 1, (3,), np.float32)


def test_a_vector_env_without_the_bridge_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match="SyncVectorEnv: wrap it in agents.vec_env.GymnasiumVecEnv"):
        tiny_model(SyncVectorEnv([CueEnv]))
