"""What Optuna draws when RL Baselines3 Zoo optimises the hyperparameters of our agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def sample_vmpo(
    trial: Any, n_actions: int, n_envs: int, additional_args: Mapping[str, Any]
) -> dict[str, Any]:
    """Draw settings of an agent that learns from unrolls, around those that the presets have.

    Args:
        trial: An `optuna.Trial`.
        n_actions: As the zoo passes it; not used.
        n_envs: As the zoo passes it; not used.
        additional_args: As the zoo passes it; not used.

    Returns:
        Settings by name, as the agent takes them.
    """
    drawn = {
        "one_minus_gamma": trial.suggest_float("one_minus_gamma", 0.003, 0.1, log=True),
        "unroll_length": trial.suggest_categorical("unroll_length", [20, 40, 64, 80]),
        "rl_loss": trial.suggest_categorical("rl_loss", ["vmpo", "vtrace"]),
        "learner_learning_rate": trial.suggest_float("learner_learning_rate", 2e-4, 3e-3, log=True),
        "learner_memory": trial.suggest_categorical("learner_memory", [32, 64, 96, 160]),
        "learner_replays": trial.suggest_int("learner_replays", 1, 8),
        "entropy_coef": trial.suggest_float("entropy_coef", 3e-4, 0.1, log=True),
        "value_coef": trial.suggest_float("value_coef", 0.05, 1.0, log=True),
        "policy_trace_decay": trial.suggest_categorical("policy_trace_decay", [0.8, 0.9, 0.95, 1.0]),
    }
    return converted(drawn)


def sample_ald(trial: Any, n_actions: int, n_envs: int, additional_args: Mapping[str, Any]) -> dict[str, Any]:
    """Draw settings of ALD: those of its learner, of its actor and of the distillation.

    Arguments and result are those of `sample_vmpo`.
    """
    return sample_vmpo(trial, n_actions, n_envs, additional_args) | {
        "actor_hidden_size": trial.suggest_categorical("actor_hidden_size", [32, 64, 128]),
        "actor_learning_rate": trial.suggest_float("actor_learning_rate", 5e-4, 1e-2, log=True),
        "distillation_steps": trial.suggest_int("distillation_steps", 4, 20),
        "distilled_value_coef": trial.suggest_float("distilled_value_coef", 0.03, 1.0, log=True),
    }


def converted(drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a trial's parameters stand for; a discount is drawn as 1 minus it."""
    settings = dict(drawn)
    return settings | {"gamma": 1.0 - settings.pop("one_minus_gamma")}
