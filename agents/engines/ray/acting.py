"""The driver's side of the actors: what they are asked for, and batches of what they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from agents.engines.faults import WaitedTooLong, environment_failed
from agents.engines.ray.crew import Crew
from agents.engines.ray.meters import Meters
from agents.engines.ray.payload import Batch, Collected, Failed, join_observations, select_rows
from agents.engines.ray.settings import RaySettings
from agents.engines.seeds import lane_seed

_ACTION_SEEDS = 2**62


class Acting:
    """Actors that collect unrolls, as far ahead as they may.

    Args:
        hire: Makes the handle of an actor's worker.
        lanes: Lanes of each.
        generator: Seeds whatever is random in the workers.
        after: Returns references to what an unroll that is asked for now must wait for.
        settings: How many actors, how far ahead.
        meters: Count what they do.
    """

    def __init__(
        self,
        hire: Callable[[int], Any],
        lanes: int,
        generator: torch.Generator,
        after: Callable[[], list[Any]],
        settings: RaySettings,
        meters: Meters,
    ) -> None:
        self._lanes, self._generator, self._after = lanes, generator, after
        self._settings, self._meters = settings, meters
        self._taken = range(0)  # seeds of the lanes when they began together
        self._arrived: list[tuple[int, Collected]] = []
        self._observations: dict[int, Any] = {}
        limit = settings.max_deaths_in_a_row
        self.crew = Crew("actors", settings.num_actors, hire, self._begin_anew, limit)

    @property
    def waiting(self) -> int:
        """Unrolls that have arrived and were not taken."""
        return len(self._arrived)

    @property
    def ahead(self) -> int:
        """Unrolls that actors may be ahead of the learner."""
        return 0 if self._settings.lockstep else self._settings.queue_length

    def begin(self, seed: int | None) -> Any:
        """Begin episodes in all lanes, lane i with `seed` + i or a drawn one; return what they show."""
        self._arrived.clear()
        self._observations.clear()
        random = self._common_random(seed) if self._settings.lockstep else None
        lanes = self._lanes * len(self.crew)
        first = lane_seed(self._draw, lanes, self._taken) if seed is None else seed
        self._taken = range(first, first + lanes)
        for number in range(len(self.crew)):
            self._begin_lanes(number, first + number * self._lanes, random)
        self._wait(lambda: len(self._observations) == len(self.crew))
        return self.last_observation()

    def _common_random(self, seed: int | None) -> int | torch.Tensor:
        """What all actors draw their actions from in lockstep: at first, what the serial engine does."""
        return self._draw(_ACTION_SEEDS) if seed is None else self._generator.get_state()

    def _begin_lanes(self, number: int, first: int, random: int | torch.Tensor | None) -> None:
        """Let an actor begin, its lanes with `first` and what follows; `random` is drawn where None."""
        self.crew.submit(number, "begin", first, self._draw(_ACTION_SEEDS) if random is None else random)

    def _begin_anew(self, number: int) -> None:
        """What a new actor in the place of a dead one does first."""
        self._meters.replaced("actors")
        self._begin_lanes(number, lane_seed(self._draw, self._lanes, self._taken), None)
        self.keep_busy([number])

    def _draw(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self._generator, device=self._generator.device))

    def keep_busy(self, numbers: list[int]) -> None:
        """Let actors collect as many unrolls ahead as they may; each has one to collect in any case."""
        after = self._after()
        for number in numbers:
            here = sum(owner == number for owner, _ in self._arrived)
            for _ in range(max(1, self.ahead) - here - self.crew.outstanding(number, "collect")):
                self.crew.submit(number, "collect", after)

    def next_batch(self) -> Batch:
        """Unrolls of as many actors as the learner takes at a time, those that came first."""
        self.keep_busy(list(range(len(self.crew))))
        wanted = self._settings.actors_per_update
        self._wait(lambda: len({number for number, _ in self._arrived}) >= wanted)
        batch = Batch(self._take(wanted))
        if self.ahead > 0:
            self.keep_busy(batch.actors)
        self._note_observations(batch)
        return batch

    def _take(self, wanted: int) -> dict[int, Collected]:
        chosen: dict[int, Collected] = {}
        left: list[tuple[int, Collected]] = []
        for number, collected in self._arrived:
            if number in chosen or len(chosen) == wanted:
                left.append((number, collected))
            else:
                chosen[number] = collected
        self._arrived = left
        return chosen

    def _wait(self, done: Callable[[], bool]) -> None:
        with self._meters.timed("waiting"):
            try:
                self.crew.wait(done, self._receive, self._settings.wait_seconds)
            except WaitedTooLong as late:
                also = ", and unrolls wait for distillers that have not ended" if self._after() else ""
                raise WaitedTooLong(f"{late}{also}") from late

    def _receive(self, number: int, method: str, result: Any) -> None:
        if isinstance(result, Failed):
            message = f"an environment of actor {number} raised:\n{result.traceback}"
            raise environment_failed(result.problem, message, result.lanes)
        if method == "begin":
            self._observations[number] = result
        else:
            self._meters.collected(result)
            self._arrived.append((number, result))

    def _note_observations(self, batch: Batch) -> None:
        last = batch.last_observation()
        for place, number in enumerate(batch.actors):
            rows = slice(place * self._lanes, (place + 1) * self._lanes)
            self._observations[number] = select_rows(last, rows)

    def last_observation(self) -> Any:
        """What all lanes showed last, in the batches so far."""
        return join_observations([self._observations[number] for number in sorted(self._observations)])
