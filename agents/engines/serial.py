"""Everything in one process, one thing after the other: the reference."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from agents.learning.actor import Actor
from agents.learning.config import LearnerConfig
from agents.learning.distiller import Distiller
from agents.learning.learner import Learner
from agents.learning.memory_targets import Infos
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.steps import OnStep, SteppedEnv


class InProcessEngine:
    """What engines have in common whose actor is in this process.

    Args:
        actor: Acts.
    """

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.seconds: dict[str, float] = defaultdict(float)

    def open(self, env: SteppedEnv) -> bool:
        """Make ready to `advance`; return whether environments have to be reset for it: none has."""
        return False

    def begin(self, observation: Any, infos: Infos) -> None:
        """Take the first observations of new episodes in all lanes, and the infos beside them."""
        self.actor.begin(observation, infos)

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

    @contextlib.contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[part] += time.perf_counter() - start


class SerialEngine(InProcessEngine):
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
        replay: ReplayBuffer,
        distiller: Distiller | None,
        config: LearnerConfig,
    ) -> None:
        super().__init__(actor)
        self.learner, self.replay, self.distiller, self.config = learner, replay, distiller, config

    def advance(
        self, env: SteppedEnv, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> dict[str, Any] | None:
        """One turn of the loop: figure 2 of Parisotto & Salakhutdinov 2021.

        Args:
            env: The environments that the actor steps.
            on_step: Called after every vector step; False stops.
            on_collected: Called between acting and learning, unless stopped.

        Returns:
            The diagnostics, or None if `on_step` asked to stop.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
        """
        with self._timed("acting"):
            collected = self.actor.collect(env, on_step, on_collected)
        if collected is None:
            return None
        with self._timed("learning"):
            unroll, loss, metrics = self.learner.evaluate(collected)
            self.replay.add(unroll)
            metrics |= self.learner.apply(loss)
            for _ in range(self.config.learner_replays):
                again = self.replay.sample_lanes(self.config.replay_lanes or unroll.lanes)
                self.learner.apply(self.learner.evaluate(again).loss)
        if self.distiller is not None:
            with self._timed("distilling"):
                metrics |= self._distill(self.distiller)
        return metrics

    def _distill(self, distiller: Distiller) -> dict[str, Any]:
        config, metrics = distiller.config, {}
        for step in range(1, config.distillation_steps + 1):
            sample = self.replay.sample(config.distillation_window)
            metrics = distiller.update(sample, with_health=step == config.distillation_steps)
        per_update = config.distillation_steps / (1 + config.learner_replays)
        return metrics | {"distillation/steps_per_learner_update": per_update}
