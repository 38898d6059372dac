"""Everything in one process, one thing after the other: the reference."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from agents.engines.faults import check_finite
from agents.engines.update import learn
from agents.learning.actor import Actor, OnStep, SteppedEnv
from agents.learning.config import LearnerConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.replay import Replay

Result = TypeVar("Result")


class SerialEngine:
    """actor -> unroll -> learner -> replay -> distiller -> the actor's own parameters.

    Args:
        actor: Acts.
        learner: Learns from each unroll as it comes.
        replay: Keeps unrolls with the learner's outputs.
        distiller: Teaches the actor; shares its network. None where the learner's own network acts.
        config: How many steps of each per unroll, and on what; an `ALDConfig` where there is a distiller.
    """

    def __init__(
        self,
        actor: Actor,
        learner: Learner,
        replay: Replay,
        distiller: Distiller | None,
        config: LearnerConfig,
    ) -> None:
        self.actor, self.learner, self.replay, self.distiller = actor, learner, replay, distiller
        self.config = config
        self.seconds: dict[str, float] = defaultdict(float)

    def advance(
        self, env: SteppedEnv, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> dict[str, Any] | None:
        """One turn of the loop.

        Args:
            env: The environments that the actor steps.
            on_step: Called after every vector step; False stops.
            on_collected: Called between acting and learning, unless stopped.

        Returns:
            The diagnostics, or None if `on_step` asked to stop.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
        """
        collected = self._timed("acting", lambda: self.actor.collect(env, on_step, on_collected))
        if collected is None:
            return None
        parts = (self.learner, self.replay, self.config)
        metrics = self._timed("learning", functools.partial(learn, *parts, collected))
        if self.distiller is not None:
            metrics |= self._timed("distilling", functools.partial(self._distill, self.distiller))
        return metrics

    def _distill(self, distiller: Distiller) -> dict[str, Any]:
        config, metrics = distiller.config, {}
        for _ in range(config.distillation_steps):
            unroll = self.replay.sample(config.distillation_window)
            metrics = distiller.update(unroll)
            check_finite(metrics, unroll)
        per_update = config.distillation_steps / (1 + config.learner_replays)
        return metrics | {"distillation/steps_per_learner_update": per_update}

    def open(self, env: SteppedEnv) -> bool:
        """Make ready to `advance`; return whether environments have to be reset for it: none has."""
        return False

    def begin(self, observation: Any) -> None:
        """Take the first observations of new episodes in all lanes."""
        self.actor.begin(observation)

    def last_observation(self) -> Any:
        """What the environments showed last, as numpy."""
        return self.actor.last_observation()

    def close(self) -> None:
        """Nothing is held open."""

    def take_figures(self) -> dict[str, float]:
        """What else there is to log, by its name, since the last call: nothing."""
        return {}

    def take_seconds(self) -> dict[str, float]:
        """Seconds that each part took since the last call."""
        seconds, self.seconds = dict(self.seconds), defaultdict(float)
        return seconds

    def _timed(self, part: str, work: Callable[[], Result]) -> Result:
        start = time.perf_counter()
        result = work()
        self.seconds[part] += time.perf_counter() - start
        return result
