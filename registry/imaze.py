"""Settings for I-Maze, whose one reward ends the episode; reasons: docs/experiments.md, sections 11 to 15."""

from typing import Any

NUM_ENVS = 28

LEARNER: dict[str, Any] = {
    # The outcome of an episode is worth more than what its values have come to say of it.
    "policy_trace_decay": 1.0,
    "value_coef": 1.0,
    # The learner keeps trying both goals until the cue is understood.
    "entropy_coef": 0.05,
    "learner_replays": 3,
}
# A memory that outlasts an exploring walk from cue to goal, and advantages that hardly reward a lucky guess.
LARGE: dict[str, Any] = {**LEARNER, "unroll_length": 80, "learner_memory": 160, "policy_trace_decay": 0.95}
