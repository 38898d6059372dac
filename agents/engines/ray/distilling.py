"""The driver's side of the distillers: what they get to see, and how far behind they may be."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import ray
import torch

from agents.engines.ray.crew import Crew
from agents.engines.ray.meters import Meters
from agents.engines.ray.payload import Distilled, to_arrays
from agents.engines.ray.settings import RaySettings
from agents.learning.config import ALDConfig
from agents.learning.finite import check_finite
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.unroll import Unroll


class Distilling:
    """Distillers, which share the steps of each batch, on unrolls that the driver draws from its replay.

    Unrolls lie in Ray's object store, once; distillers get references. Nothing is kept in them that a new
    one would need.

    Args:
        hire: Makes the handle of a distiller's worker.
        replay: Of the learner; what it holds is made ready at once.
        optimizer: Has the step size at present.
        config: How many steps, on what.
        settings: How many distillers, how far behind.
        meters: Count what they do.

    Attributes:
        published: Batches that were made ready for distillation.
    """

    def __init__(
        self,
        hire: Callable[[int], Any],
        replay: ReplayBuffer,
        optimizer: torch.optim.Optimizer,
        config: ALDConfig,
        settings: RaySettings,
        meters: Meters,
    ) -> None:
        self._replay, self._optimizer, self._config = replay, optimizer, config
        self._settings, self._meters = settings, meters
        self._done: list[Distilled] = []
        self._references: deque[tuple[int, Any]] = deque(maxlen=config.distillation_window)
        self.published = self._turn = 0
        limit = settings.max_deaths_in_a_row
        self.crew = Crew("distillers", settings.num_distillers, hire, self._replaced, limit)
        for unroll in list(replay.unrolls)[-config.distillation_window :]:
            self._publish(unroll)

    def _replaced(self, number: int) -> None:
        """A new distiller in the place of a dead one needs nothing; the dead one's steps are lost."""
        self._meters.replaced("distillers")

    def _publish(self, unroll: Unroll) -> None:
        """Put an unroll into the object store, without the transformer's memory, which no distiller needs."""
        reference = ray.put(to_arrays(unroll._replace(learner_state=None).to_tree()))
        self._references.append((self.published, reference))
        self.published += 1

    def hand_out(self, unroll: Unroll) -> None:
        """Divide the steps of a batch, which is the latest of the replay, among the distillers."""
        self._publish(unroll)
        config, count = self._config, len(self.crew)
        ages = [self._replay.draw_age(config.distillation_window) for _ in range(config.distillation_steps)]
        drawn = [self._references[-1 - age] for age in ages]
        for place in range(count):
            if share := drawn[place::count]:
                self._submit((place + self._turn) % count, share)
        self._turn += len(drawn)  # so that it is not always the same ones that have a step more

    def _submit(self, number: int, steps: list[tuple[int, Any]]) -> None:
        rate, order = self._optimizer.param_groups[0]["lr"], [unroll for unroll, _ in steps]
        self.crew.submit(number, "distil", list(dict(steps).items()), order, rate)

    def keep_up(self) -> dict[str, Any]:
        """Wait for distillers that are too far behind; return the metrics of the tasks that have ended since.

        Raises:
            LossNotFinite: A loss is NaN or infinite.
        """
        crew, lag = self.crew, 0 if self._settings.lockstep else self._settings.max_distillation_lag
        with self._meters.timed("waiting"):
            crew.wait(lambda: self._behind() <= lag, self._receive, self._settings.wait_seconds)
        for result in crew.results():
            self._receive(*result)
        return self._metrics()

    def _behind(self) -> int:
        return max(self.crew.outstanding(number, "distil") for number in range(len(self.crew)))

    def _receive(self, number: int, method: str, result: Distilled) -> None:
        check_finite(result.metrics, self._kept(result.last))
        self._meters.distilled(result)
        self._done.append(result)

    def _kept(self, number: int) -> Unroll | None:
        """A published unroll, if the replay still has it."""
        age, unrolls = self.published - 1 - number, self._replay.unrolls
        return unrolls[-1 - age] if age < len(unrolls) else None

    def _metrics(self) -> dict[str, Any]:
        """Means over tasks, each worth its last step."""
        done, self._done = self._done, []
        updates = 1 + self._config.learner_replays
        achieved = {"distillation/steps_per_learner_update": sum(each.steps for each in done) / updates}
        names = done[0].metrics if done else ()
        return {name: sum(each.metrics[name] for each in done) / len(done) for name in names} | achieved
