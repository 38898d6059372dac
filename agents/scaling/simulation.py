"""The distributed engine as a simulation of discrete events: who waits for whom, and for how long."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass

from agents.scaling.clock import Clock, Event, Passing, Process, Task, Worker, Working
from agents.scaling.costs import Costs
from agents.scaling.plan import Plan, Work
from agents.scaling.prediction import Prediction


def simulate(costs: Costs, plan: Plan, batches: int = 200, warm_up: int = 50) -> Prediction:
    """Simulate the engine's schedule, in which every task takes exactly as long as it does on average.

    What is left out: that tasks of a kind differ, that caches and memory are shared, workers that die,
    checkpoints and the log, and Ray's own processes.

    Args:
        costs: Of each part.
        plan: How many of them.
        batches: That are measured.
        warm_up: Batches before the first of them.

    Raises:
        ValueError: There is nothing to measure.
    """
    if batches < 1 or warm_up < 1:
        raise ValueError(f"batches and warm_up must be at least 1, got {batches} and {warm_up}")
    return _Engine(costs, plan, batches, warm_up).prediction()


@dataclass
class _Unroll:
    """An actor's, with the batches that had been made ready when its parameters were read."""

    actor: int
    published: int = 0


class _Totals:
    """What is summed up while batches are measured."""

    def __init__(self) -> None:
        self.began = self.waiting = self.learning = 0.0
        self.lags: list[float] = []
        self.depths: list[int] = []
        self.held = 0.0


class _Engine:
    """The driver's schedule, as `agents.engines.ray.engine` and what it calls have it."""

    def __init__(self, costs: Costs, plan: Plan, batches: int, warm_up: int) -> None:
        self._costs, self._plan, self._work = costs, plan, Work(costs, plan)
        self._settings, self._batches, self._warm_up = plan.engine, batches, warm_up
        self._clock = Clock(plan.cores)
        self._actors = [Worker(self._clock) for _ in range(self._settings.num_actors)]
        self._distillers = [Worker(self._clock) for _ in range(self._settings.num_distillers)]
        self._server = Worker(self._clock)
        self._outstanding = [0] * len(self._actors)
        self._delivered: list[_Unroll] = []  # known to Ray, not yet to the driver
        self._arrived: list[_Unroll] = []
        self._distilling: list[list[Event]] = [[] for _ in self._distillers]
        self._news = Event()
        self._published = self._turn = 0
        self._totals = _Totals()
        self._end = Event()

    def prediction(self) -> Prediction:
        """Run, and divide the sums by the time."""
        self._clock.start(self._drive())
        self._clock.run(self._end)
        totals, costs = self._totals, self._costs
        wall = self._clock.now - totals.began
        sent = self._plan.engine.actors_per_update * costs.collected_bytes.at(self._plan.lanes)
        stored = sent + costs.published_bytes.at(self._plan.batch_lanes)
        return Prediction(
            frames_per_second=self._batches * self._work.frames / wall,
            busy_learner=totals.learning / wall,
            idle_learner=totals.waiting / wall,
            idle_actors=_idle(self._actors),
            idle_distillers=_idle(self._distillers),
            policy_lag=sum(totals.lags) / len(totals.lags),
            max_policy_lag=max(totals.lags),
            depth=sum(totals.depths) / len(totals.depths),
            max_depth=max(totals.depths),
            store_bytes_per_second=self._batches * stored / wall,
            network_bytes_per_second=self._batches * self._network(sent) / wall,
            held_bytes=totals.held,
        )

    def _network(self, sent: float) -> float:
        """Bytes between nodes for a batch, every distiller being on a node of its own."""
        if not self._plan.away:
            return 0.0
        costs, work = self._costs, self._work
        # A step sends gradients, as large as the parameters, and brings these back.
        parameters = self._settings.actors_per_update + work.distillers_needed + 2 * costs.distillation_steps
        batches = work.distillers_needed * costs.published_bytes.at(self._plan.batch_lanes)
        return sent + batches + parameters * costs.parameter_bytes

    def _drive(self) -> Process:
        for number in range(self._warm_up + self._batches):
            if number == self._warm_up:
                self._begin_to_count()
            taken = yield from self._next_batch()
            yield Working(self._work.tell)
            self._note(taken)
            yield from self._learn(taken)
            yield from self._timed_wait(self._keep_up())
            yield Working(self._costs.waking.at(sum(map(bool, self._distilling))))
            self._distilling = self._unfinished()
        self._clock.set(self._end)

    def _begin_to_count(self) -> None:
        self._totals = _Totals()
        self._totals.began = self._clock.now
        for worker in (*self._actors, *self._distillers):
            worker.busy = worker.idle = 0.0

    def _timed_wait(self, process: Process) -> Process:
        began = self._clock.now
        yield from process
        self._totals.waiting += self._clock.now - began

    def _next_batch(self) -> Generator[Working | Passing | Event, None, list[_Unroll]]:
        yield from self._keep_busy(range(len(self._actors)))
        yield from self._timed_wait(self._gather())
        taken = self._take()
        if self._settings.queue_length > 0:
            yield from self._keep_busy([unroll.actor for unroll in taken])
        return taken

    def _keep_busy(self, numbers: Iterable[int]) -> Process:
        """As `Acting.keep_busy`: every actor has as many unrolls to collect as it may be ahead."""
        numbers = list(numbers)
        yield Working(self._costs.scanning.at(len(numbers) * len(self._arrived)))
        after = [done for tasks in self._distilling for done in tasks if not done.happened]
        here = [0] * len(self._actors)
        for unroll in self._arrived:
            here[unroll.actor] += 1
        for number in numbers:
            missing = max(1, self._settings.queue_length) - here[number] - self._outstanding[number]
            for _ in range(missing):
                yield Working(self._work.submit_unroll)
                self._outstanding[number] += 1
                self._clock.start(self._collect(number, after))

    def _collect(self, number: int, after: list[Event]) -> Process:
        """A task of an actor, from where it is given out to where its result is known."""
        unroll = _Unroll(number)
        yield Passing(self._costs.latency.fixed)
        task = Task(lambda: self._act(unroll), after)
        self._actors[number].give(task)
        yield task.done
        yield Passing(self._costs.latency.fixed)
        self._delivered.append(unroll)
        self._clock.set(self._news)

    def _act(self, unroll: _Unroll) -> Process:
        yield from self._served(self._costs.serving_read.fixed)
        unroll.published = self._published
        yield Working(self._work.collect)

    def _served(self, seconds: float) -> Process:
        """What a worker of another node asks of the parameter server, which serves one at a time."""
        if self._plan.away:
            task = Task(lambda: _serve(seconds))
            yield Passing(self._costs.latency.fixed)
            self._server.give(task)
            yield task.done
            yield Passing(self._costs.latency.fixed)

    def _gather(self) -> Process:
        """Take what was delivered, until there are unrolls of enough actors."""
        while len({unroll.actor for unroll in self._arrived}) < self._settings.actors_per_update:
            while not self._delivered:
                self._news = Event()
                yield self._news
            ready, self._delivered = self._delivered, []
            asked = sum(count > 0 for count in self._outstanding)
            yield Working(self._costs.waking.at(asked) + len(ready) * self._work.take)
            for unroll in ready:
                self._outstanding[unroll.actor] -= 1
            self._arrived += ready

    def _take(self) -> list[_Unroll]:
        chosen: dict[int, _Unroll] = {}
        left = []
        for unroll in self._arrived:
            if unroll.actor in chosen or len(chosen) == self._settings.actors_per_update:
                left.append(unroll)
            else:
                chosen[unroll.actor] = unroll
        self._arrived = left
        return list(chosen.values())

    def _note(self, taken: list[_Unroll]) -> None:
        totals, costs = self._totals, self._costs
        totals.lags.append(self._published - sum(unroll.published for unroll in taken) / len(taken))
        totals.depths.append(len(self._arrived))
        unrolls = len(taken) + len(self._arrived) + len(self._delivered)
        kept = min(costs.distillation_window, self._published)
        batches = kept * costs.published_bytes.at(self._plan.batch_lanes)
        totals.held = max(totals.held, unrolls * costs.collected_bytes.at(self._plan.lanes) + batches)

    def _learn(self, taken: list[_Unroll]) -> Process:
        began = self._clock.now
        yield Working(self._work.keep + self._work.learn)
        yield from self._hand_out()
        if self._settings.queue_length == 0:
            yield from self._keep_busy([unroll.actor for unroll in taken])
        yield Working(self._work.learn_again)
        self._totals.learning += self._clock.now - began

    def _hand_out(self) -> Process:
        shares = self._work.share(self._turn)
        self._turn += self._costs.distillation_steps
        for number, steps in enumerate(shares):
            if steps:
                yield Working(self._work.submit_steps)
                self._clock.start(self._distil(number, steps))
        self._published += 1

    def _distil(self, number: int, steps: int) -> Process:
        task = Task(lambda: self._distillation(steps))
        known = Event()
        self._distilling[number].append(known)
        yield Passing(self._costs.latency.fixed)
        self._distillers[number].give(task)
        yield task.done
        yield Passing(self._costs.latency.fixed)
        self._clock.set(known)
        self._clock.set(self._news)

    def _distillation(self, steps: int) -> Process:
        if not self._plan.away:
            yield Working(self._work.distil(steps))
            return
        yield Working(self._work.distil(0))
        yield from self._served(self._costs.serving_read.fixed)
        for _ in range(steps):
            yield Working(self._costs.distilling_step.at(self._plan.batch_lanes))
            yield from self._served(self._costs.serving_step.fixed)

    def _keep_up(self) -> Process:
        """Wait for distillers that are too far behind."""
        while max(map(len, self._unfinished())) > self._settings.max_distillation_lag:
            self._news = Event()
            yield self._news
            yield Working(self._costs.waking.at(sum(map(bool, self._distilling))))

    def _unfinished(self) -> list[list[Event]]:
        return [[done for done in tasks if not done.happened] for tasks in self._distilling]


def _idle(workers: Sequence[Worker]) -> float:
    idle, busy = (sum(getattr(worker, name) for worker in workers) for name in ("idle", "busy"))
    return idle / (idle + busy) if idle + busy > 0 else 0.0


def _serve(seconds: float) -> Process:
    yield Working(seconds)
