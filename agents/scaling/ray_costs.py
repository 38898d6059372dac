"""What Ray costs, measured with the engine's own classes, and processes that stand in for workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import numpy as np
import ray

from agents.ald import ALD
from agents.engines.ray.cluster import Cluster
from agents.engines.ray.crew import Crew
from agents.engines.ray.parameters import ParameterServer, Trainable, settle
from agents.engines.ray.payload import Batch, Collected, to_arrays
from agents.engines.ray.settings import RaySettings
from agents.engines.ray.shared import ParameterBlock, SharedMemory
from agents.scaling.costs import Affine

# What costs are measured over: references that a task waits for, tasks that the driver waits for.
REFERENCES, TASKS = (1, 16, 64), (1, 30, 300, 1000)
# Actors whose unrolls are joined.
ACTORS = (1, 10, 100)
_WAIT = 120.0


class StandIn:
    """An actor's worker that has one unroll, which it returns whenever it is asked for one."""

    def __init__(self, collected: Collected | None = None) -> None:
        settle()
        self._collected = collected

    def collect(self, after: Sequence[Any]) -> Collected | None:
        """The unroll, at once."""
        return self._collected

    def nap(self) -> None:
        """Do not come back."""
        time.sleep(3600)


def _stand_in(collected: Collected | None = None) -> Any:
    return ray.remote(StandIn).options(num_cpus=0).remote(collected)


def measure_ray(sent: Mapping[int, tuple[Collected, Any]], model: ALD, repeats: int) -> dict[str, Affine]:
    """Return the costs of what goes through Ray, by the names of `Costs`.

    Those of the driver are seconds of its main thread's processor; the server's are by the clock.

    Args:
        sent: What an actor sends and what distillers get, by lanes.
        model: Has the parameters.
        repeats: Over which medians are taken.
    """
    lanes = list(sent)
    with _started():
        costs = {
            "sending": Affine.fit(lanes, [_put(sent[count][0], repeats) for count in lanes]),
            "publishing": Affine.fit(lanes, [_put(sent[count][1], repeats) for count in lanes]),
            **_gathering([sent[count][0] for count in lanes], repeats),
            "submitting": Affine.fit(REFERENCES, [_submitting(count, repeats) for count in REFERENCES]),
            "waking": Affine.fit(TASKS, [_waking(count, repeats) for count in TASKS]),
        }
        read, step = _serving(model, 10 * repeats)
    return costs | {"serving_read": Affine(read), "serving_step": Affine(step)}


@contextmanager
def _started() -> Iterator[None]:
    cluster = Cluster(RaySettings())
    try:
        yield
    finally:
        cluster.leave()


def median_seconds(
    piece: Callable[[], Any], repeats: int, now: Callable[[], float] = time.thread_time, warm_up: int = 0
) -> float:
    """Return the median seconds of a piece of work, by any clock, the first few times not counted."""

    def timed() -> float:
        start = now()
        piece()
        return now() - start

    return median([timed() for _ in range(warm_up + repeats)][warm_up:])


def _put(content: Any, repeats: int) -> float:
    return median_seconds(lambda: ray.put(content), repeats)


def _gathering(unrolls: Sequence[Collected], repeats: int) -> dict[str, Affine]:
    """Costs of taking unrolls and of putting them side by side."""
    lanes, taking, joining = [], [], []
    for unroll in unrolls:
        count, (take, *joined) = len(unroll.infos[0]), _gathered(unroll, repeats)
        lanes.append(count)
        taking.append(take)
        joining += [(actors * count, seconds) for actors, seconds in zip(ACTORS, joined, strict=True)]
    return {"taking": Affine.fit(lanes, taking), "joining": Affine.fit(*zip(*joining, strict=True))}


def _gathered(unroll: Collected, repeats: int) -> list[float]:
    """Seconds to take an unroll, while many others are held, and to join the ACTORS' so many."""
    worker = _stand_in(unroll)
    references = [worker.collect.remote([]) for _ in range(ACTORS[-1])]
    ray.wait(references, num_returns=len(references), timeout=_WAIT)
    taken: list[Collected] = []

    def take() -> None:
        taken[:] = [ray.get(each) for each in references]

    seconds = [median_seconds(take, 3) / len(references)]
    for actors in ACTORS:
        parts = dict(enumerate(taken[:actors]))
        seconds.append(median_seconds(lambda parts=parts: Batch(parts), repeats))  # type: ignore[misc]
    ray.kill(worker)
    return seconds


def _submitting(count: int, repeats: int) -> float:
    worker = _stand_in()
    after = [worker.collect.remote([]) for _ in range(count)]
    ray.get(after, timeout=_WAIT)
    seconds = median_seconds(lambda: worker.collect.remote(after), 10 * repeats)
    ray.kill(worker)
    return seconds


def _waking(count: int, repeats: int) -> float:
    """Seconds until the driver has one result while it waits for so many tasks, taking it included."""
    quick, slow = _stand_in(), _stand_in()
    crew = Crew("stand-ins", count, lambda number: slow if number else quick, lambda number: None, 0)
    for number in range(1, count):
        crew.submit(number, "nap")

    def once() -> float:
        crew.submit(0, "collect", [])
        ray.wait(crew.references()[:1], timeout=_WAIT)
        start = time.thread_time()
        assert len(list(crew.results(_WAIT))) == 1
        return time.thread_time() - start

    seconds = median(once() for _ in range(repeats))
    for worker in (quick, slow):
        ray.kill(worker)
    return seconds


def _serving(model: ALD, repeats: int) -> tuple[float, float]:
    """Seconds of the parameter server for a read and for a step, while others queue up for it."""
    network, optimizer = model.actor.network, model.distiller.optimizer
    trainable, block = Trainable.of(network, optimizer), ParameterBlock(network, optimizer)
    memory = SharedMemory(block.size)
    server: Any = ray.remote(ParameterServer).options(num_cpus=0).remote(trainable, memory.path)
    gradients = [np.zeros(tuple(each.shape), np.float32) for each in network.parameters()]
    buffers = to_arrays(dict(network.named_buffers()))
    ray.get(server.step.remote(gradients, buffers, 0.0), timeout=_WAIT)
    try:
        return (
            _per_call(lambda: server.read.remote(), repeats),
            _per_call(lambda: server.step.remote(gradients, buffers, 0.0), repeats),
        )
    finally:
        ray.kill(server)
        memory.close()


def _per_call(call: Callable[[], Any], repeats: int) -> float:
    start = time.perf_counter()
    ray.get([call() for _ in range(repeats)], timeout=_WAIT)
    return (time.perf_counter() - start) / repeats
