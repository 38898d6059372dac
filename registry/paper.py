"""Settings of Parisotto & Salakhutdinov 2021, number by number; what they do not say is as in our defaults.

Stated: Adam with 1e-4, batches of 64 unrolls of 20 steps, gamma 0.99, no clipping of gradients, PopArt with
3e-4; V-MPO with eta from 1 and eps_eta 0.1, alpha from one of 0.1, 0.5, 1 and 5 and eps_alpha 0.004, a target
policy of 1, 10 or 100 updates (the best of each was reported; here alpha 1 and 10 updates); an LSTM of 32
units, a GTrXL of 4 layers; 30 actors and 8 distillers, in whose place the serial engine has 64 lanes in step
with the learner. What equals our defaults is not repeated here. docs/training.md lists what was left open.
"""

from typing import Any

# Lanes: one unroll of each makes a batch.
BATCH = 64
# As far as the curves of the paper go.
FRAMES = 5_000_000

_LEARNER: dict[str, Any] = {
    # Stated.
    "unroll_length": 20,
    "learner_learning_rate": 1e-4,
    "dual_learning_rate": 1e-4,
    "max_grad_norm": None,
    # Not mentioned, so left out.
    "learner_replays": 0,
    "entropy_coef": 0.0,
    "value_trace_decay": 1.0,
    "policy_trace_decay": 1.0,
    # Not stated.
    "value_coef": 1.0,
    # Usual when the paper was written.
    "timeout_is_terminal": True,
}
_TRANSFORMER: dict[str, Any] = {"learner_layers": 4}

ALD: dict[str, Any] = {
    **_LEARNER,
    **_TRANSFORMER,
    "actor_learning_rate": 1e-4,
    "learner_regularisation": 1.0,
    "distilled_value_coef": 1.0,
    # One of each of the 8 distillers, from the whole replay: how many there were per update is not stated.
    "distillation_steps": 8,
    "distillation_window": 32,
}
VMPO_GTRXL = ASYMMETRIC = {**_LEARNER, **_TRANSFORMER}
VMPO_LSTM = _LEARNER
