"""What every engine does with a fresh unroll: learn from it, keep it, and learn again from what was kept."""

from __future__ import annotations

from typing import Any

from agents.config import LearnerConfig
from agents.engines.faults import check_finite
from agents.learner import Learner
from agents.replay import Replay
from agents.unroll import Unroll


def learn(
    learner: Learner, replay: Replay, config: LearnerConfig, collected: Unroll
) -> tuple[Unroll, dict[str, Any]]:
    """Learn from an unroll, put it into the replay, and learn from lanes of the replay as often as asked for.

    Returns:
        The unroll with the learner's outputs, and the diagnostics of its first update.

    Raises:
        LossNotFinite: A loss is NaN or infinite.
    """
    unroll, metrics = learner.update(collected)
    check_finite(metrics, unroll)
    replay.add(unroll)
    for _ in range(config.learner_replays):
        again = replay.sample_lanes(config.replay_lanes or unroll.lanes)
        check_finite(learner.replay(again), again)
    return unroll, metrics
