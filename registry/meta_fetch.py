"""Settings for Meta-Fetch, where rewards come every few steps; reasons: docs/experiments.md, 8, 14 and 19."""

from typing import Any

NUM_ENVS = 64
_GAMMA = 0.95  # what lies farther ahead than twenty steps is noise

_LEARNER: dict[str, Any] = {
    # A policy gradient says what was worse than expected, which V-MPO's better half of the samples does not.
    "rl_loss": "vtrace",
    "unroll_length": 64,
    "gamma": _GAMMA,
    "policy_trace_decay": 0.95,
    "value_trace_decay": 0.95,
    "entropy_coef": 0.001,
    "max_grad_norm": 1.0,
    "final_learning_rates": 0.2,
    "priority_exponent": 0.0,
    "replay_size": 4,
}

ALD: dict[str, Any] = {
    **_LEARNER,
    # A transformer finds its way by what was done, rather than by comparing what was seen.
    "learner_sees_actions": True,
    "learner_memory": 96,
    "learner_replays": 3,
    "replay_lanes": 32,
    "actor_hidden_size": 128,
    "actor_learning_rate": 2e-3,
    "distillation_steps": 5,
}
LSTM: dict[str, Any] = {**_LEARNER, "lstm_hidden_size": 128, "replay_lanes": 16}
PPO: dict[str, Any] = {"gamma": _GAMMA, "learning_rate": 1e-3}

# What memory is taught, by the name of the kind of target.
TARGETS: dict[str, tuple[str, ...]] = {"told": ("known_next",), "hindsight": ("hindsight:fetched",)}
# Ways are found by trying, which a taught memory does not spare: more entropy at first, none in the end.
TAUGHT_ALD: dict[str, Any] = {**ALD, "entropy_coef": 0.004, "final_entropy": 0.0}
