"""Exported actors that several files of tests only read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.export.exporter import export_actor
from tests.support.exported import MIXED, policy, scatter
from tests.support.tiny import Showcase


@pytest.fixture(scope="module")
def small() -> RecurrentActorCriticPolicy:
    return policy()


@pytest.fixture(scope="module")
def file(small: RecurrentActorCriticPolicy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("export") / "actor.onnx"
    export_actor(small, path)
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecurrentPPO, Path]:
    """RecurrentPPO as it comes: the critic has an LSTM of its own."""
    env = DummyVecEnv([partial(Showcase, MIXED, spaces.Discrete(3))])
    model = RecurrentPPO(
        "MultiInputLstmPolicy", env, device="cpu", policy_kwargs={"lstm_hidden_size": 8, "n_lstm_layers": 2}
    )
    scatter(model.policy)
    path: Path = tmp_path_factory.mktemp("export") / "mixed.onnx"
    export_actor(model, path)
    return model, path
