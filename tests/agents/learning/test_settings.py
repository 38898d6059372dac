"""Settings are of their types: what is of another kind is refused by name, numbers of NumPy are numbers."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from agents.baselines.config import PPOConfig, RandomConfig, RecurrentPPOConfig
from agents.engines.ray.settings import RaySettings
from agents.learning.config import ALDConfig, VMPOConfig


@pytest.mark.parametrize(
    ("config", "setting", "complaint"),
    [
        (ALDConfig, {"unroll_length": 2.5}, "unroll_length must be a whole number, got 2.5"),
        (ALDConfig, {"unroll_length": True}, "unroll_length must be a whole number, got True"),
        (ALDConfig, {"unroll_length": "8"}, "unroll_length must be a whole number, got '8'"),
        (ALDConfig, {"unroll_length": None}, "unroll_length must be a whole number, got None"),
        (ALDConfig, {"importance_weights": "no"}, "importance_weights must be True or False, got 'no'"),
        (ALDConfig, {"timeout_is_terminal": 1}, "timeout_is_terminal must be True or False, got 1"),
        (ALDConfig, {"gamma": math.nan}, "gamma must be a finite number, got nan"),
        (ALDConfig, {"learner_learning_rate": math.inf}, "learner_learning_rate must be a finite number"),
        (ALDConfig, {"max_grad_norm": -1.0}, "max_grad_norm must be greater than 0, got -1.0"),
        (ALDConfig, {"max_grad_norm": "none"}, "max_grad_norm must be a finite number or None, got 'none'"),
        (ALDConfig, {"replay_lanes": 0}, "replay_lanes must be at least 1, got 0"),
        (ALDConfig, {"replay_lanes": 2.0}, "replay_lanes must be a whole number or None, got 2.0"),
        (ALDConfig, {"rl_loss": 1}, "rl_loss must be a string, got 1"),
        (ALDConfig, {"rl_loss": "ppo"}, "rl_loss must be one of vmpo, vtrace, primal_dual, got 'ppo'"),
        (
            VMPOConfig,
            {"entropy_weighting": "all"},
            "entropy_weighting must be one of uniform, psi, got 'all'",
        ),
        (
            ALDConfig,
            {"entropy_weighting": "psi", "rl_loss": "vtrace"},
            "entropy_weighting must be .*where rl_loss is not .*, got 'psi'",
        ),
        (
            ALDConfig,
            {"distillation_direction": "up"},
            "distillation_direction must be one of actor_learner, learner_actor, got 'up'",
        ),
        (VMPOConfig, {"lstm_hidden_size": 8.5}, "lstm_hidden_size must be a whole number, got 8.5"),
        (PPOConfig, {"net_arch": (8, 2.5)}, r"net_arch must be whole numbers, got \(8, 2.5\)"),
        (PPOConfig, {"net_arch": {"pi": [8]}}, r"net_arch must be whole numbers, got \{'pi': \[8\]\}"),
        (PPOConfig, {"net_arch": 8}, "net_arch must be whole numbers, got 8"),
        (PPOConfig, {"normalize_advantage": "yes"}, "normalize_advantage must be True or False"),
        (RecurrentPPOConfig, {"shared_lstm": 0}, "shared_lstm must be True or False, got 0"),
        (RandomConfig, {"n_steps": 1.5}, "n_steps must be a whole number, got 1.5"),
        (RaySettings, {"num_actors": 1.5}, "num_actors must be a whole number, got 1.5"),
        (RaySettings, {"lockstep": "no"}, "lockstep must be True or False, got 'no'"),
    ],
)
def test_settings_of_another_kind_are_named(config: Any, setting: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        config(**setting)


@pytest.mark.parametrize(
    ("config", "name", "hint"),
    [
        (ALDConfig, "actor_learning_rate", "final_learning_rates"),
        (ALDConfig, "learner_learning_rate", "final_learning_rates"),
        (ALDConfig, "entropy_coef", "final_entropy"),
        (VMPOConfig, "learner_learning_rate", "final_learning_rates"),
        (PPOConfig, "learning_rate", "final_learning_rate"),
        (RecurrentPPOConfig, "learning_rate", "final_learning_rate"),
        (PPOConfig, "clip_range", None),
        (RecurrentPPOConfig, "clip_range_vf", None),
    ],
)
def test_functions_of_the_progress_are_refused_with_the_way_to_fall_linearly(
    config: Any, name: str, hint: str | None
) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a finite number.*, got a function") as refusal:
        config(**{name: lambda left: 1e-3 * left})
    assert hint is None or f": {hint} lets it fall linearly" in str(refusal.value)


def test_numbers_of_numpy_are_numbers() -> None:
    config = ALDConfig(
        unroll_length=np.int64(7),
        gamma=np.float32(0.5),
        importance_weights=np.bool_(True),
        replay_lanes=np.int32(3),
        max_grad_norm=1,
    )
    assert (config.unroll_length, config.gamma, config.replay_lanes) == (7, 0.5, 3)
    assert config.importance_weights is True
    assert ALDConfig(**json.loads(json.dumps(config.to_dict()))) == config
    arch = PPOConfig(net_arch=[np.int64(8)])  # type: ignore[list-item, arg-type]
    assert json.loads(json.dumps(arch.to_dict()))["net_arch"] == [8]
