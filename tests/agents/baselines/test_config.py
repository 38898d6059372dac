"""Settings of SB3's algorithms: out of range they are named, and JSON keeps them."""

import dataclasses
import json

import pytest

from agents.baselines.config import PPOConfig, RandomConfig, RecurrentPPOConfig


@pytest.mark.parametrize(
    ("config", "setting", "complaint"),
    [
        (RandomConfig, {"n_steps": 0}, "n_steps must be at least 1, got 0"),
        (PPOConfig, {"batch_size": 1}, "batch_size must be at least 2, got 1"),
        (PPOConfig, {"gamma": 1.5}, r"gamma must be in \[0, 1\], got 1.5"),
        (PPOConfig, {"final_learning_rate": 0.0}, "final_learning_rate must be greater than 0, got 0.0"),
        (PPOConfig, {"ent_coef": -1.0}, "ent_coef must be at least 0, got -1.0"),
        (PPOConfig, {"net_arch": (8, 0)}, r"net_arch must be widths of at least 1, got \(8, 0\)"),
        (RecurrentPPOConfig, {"lstm_hidden_size": 0}, "lstm_hidden_size must be at least 1, got 0"),
        (RecurrentPPOConfig, {"shared_lstm": True}, "shared_lstm must be False with enable_critic_lstm"),
    ],
)
def test_settings_out_of_range_are_named(config, setting, complaint):
    with pytest.raises(ValueError, match=complaint):
        config(**setting)


def test_settings_survive_json():
    config = RecurrentPPOConfig(net_arch=(16, 8), final_learning_rate=1e-5)
    assert RecurrentPPOConfig(**json.loads(json.dumps(config.to_dict()))) == config
    assert dataclasses.replace(config, net_arch=()).policy_arguments()["net_arch"] == []
