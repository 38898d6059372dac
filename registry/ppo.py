"""What the presets of SB3's algorithms change of its defaults: many environments, large minibatches."""

from typing import Any

NUM_ENVS = 64

# Rollouts of 8,192 steps in minibatches of 2,048: few updates, each of many short sequences.
PPO: dict[str, Any] = {
    "learning_rate": 5e-4,
    "final_learning_rate": 5e-5,
    "batch_size": 2048,
    "n_epochs": 4,
    "ent_coef": 0.01,
}
RECURRENT_PPO = PPO | {"lstm_hidden_size": 128, "net_arch": (64,)}
