"""Settings for I-Maze, whose one reward ends the episode; reasons: docs/experiments.md, sections 11 to 22."""

from typing import Any

NUM_ENVS = 28

LEARNER: dict[str, Any] = {
    # The outcome of an episode is worth more than what its values have come to say of it.
    "policy_trace_decay": 1.0,
    "value_coef": 1.0,
    # The learner keeps trying both goals until the cue is understood, above all where it imitates luck.
    "entropy_coef": 0.05,
    "entropy_weighting": "psi",
    "learner_replays": 3,
}
# Values that see the state know the outcome before the episode ends, and then luck is not what is imitated.
PRIVILEGED: dict[str, Any] = {
    **{name: LEARNER[name] for name in ("value_coef", "entropy_coef", "learner_replays")},
    "learner_only": ("state",),
}
# A memory that outlasts an exploring walk from cue to goal, and advantages that hardly reward a lucky guess.
LARGE: dict[str, Any] = {**LEARNER, "unroll_length": 80, "learner_memory": 160, "policy_trace_decay": 0.95}
# Mazes of one window, so that one student can be taught in all of them.
SIZES = ("MemoryEnvs/IMaze-7x7-v0", "MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-15x15-v0")
# Staying away from the goals costs nothing without it, and as much as going for them is worth on average.
STEP_PENALTY: dict[str, Any] = {"step_penalty": 0.01}
# The best of an Optuna study of eight trials: examples/tune_recurrent_ppo.py.
RECURRENT_PPO: dict[str, Any] = {
    "learning_rate": 2.64e-3,
    "final_learning_rate": 2.64e-4,
    "ent_coef": 0.048,
    "vf_coef": 0.147,
    "gamma": 0.98,
    "n_steps": 256,
    "batch_size": 4096,
    "lstm_hidden_size": 128,
    "net_arch": (64,),
}
