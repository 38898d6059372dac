"""What every engine does with a fresh unroll: learn from it, keep it, and learn again from what was kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agents.engines.faults import check_finite
from agents.learning.config import LearnerConfig
from agents.learning.learner import Learner
from agents.learning.replay import Replay
from agents.learning.unroll import Unroll


def learn(
    learner: Learner,
    replay: Replay,
    config: LearnerConfig,
    collected: Unroll,
    on_outputs: Callable[[Unroll], None] = lambda unroll: None,
) -> dict[str, Any]:
    """Learn from an unroll, put it into the replay, and learn from lanes of the replay as often as asked for.

    Args:
        learner: Learns.
        replay: Keeps the unroll.
        config: How often, from how many lanes.
        collected: The unroll.
        on_outputs: Given the unroll with the learner's outputs as soon as it is in the replay, and the lanes
            to learn from again are drawn: nothing that is distilled depends on the gradients, of this
            update or of the further ones.

    Returns:
        The diagnostics of the first update.

    Raises:
        LossNotFinite: A loss is NaN or infinite.
    """
    drawn: list[Unroll] = []

    def keep(unroll: Unroll, losses: Mapping[str, Any]) -> None:
        check_finite(losses, unroll)
        replay.add(unroll)
        lanes = config.replay_lanes or unroll.lanes
        drawn.extend(replay.sample_lanes(lanes) for _ in range(config.learner_replays))
        on_outputs(unroll)

    _, metrics = learner.update(collected, keep)
    for again in drawn:
        check_finite(learner.replay(again), again)
    return metrics
