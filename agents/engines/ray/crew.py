"""Workers of one kind: their tasks in order, and a new worker in the place of one that died."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import ray
from ray.exceptions import RayError, RayTaskError

from agents.engines.faults import WaitedTooLong, WorkersDied

logger = logging.getLogger(__name__)

# Seconds that tasks in progress are given when their results are no longer needed.
GRACE = 10.0


class _Task(NamedTuple):
    method: str
    reference: Any


class Crew:
    """Workers, numbered from 0.

    Args:
        kind: What they are, for messages.
        count: How many.
        hire: Makes the handle of a worker, without waiting for its process.
        instruct: Called with the number of each new worker, to `submit` its first tasks.
        deaths_in_a_row: How many may die without work done in between.

    Attributes:
        deaths: Workers that died and were replaced.
    """

    def __init__(
        self,
        kind: str,
        count: int,
        hire: Callable[[int], Any],
        instruct: Callable[[int], None],
        deaths_in_a_row: int,
    ) -> None:
        self._kind, self._hire, self._instruct = kind, hire, instruct
        self._deaths_in_a_row = deaths_in_a_row
        self.deaths = self._in_a_row = 0
        self._tasks: list[deque[_Task]] = [deque() for _ in range(count)]
        self._handles = [hire(number) for number in range(count)]

    def __len__(self) -> int:
        """How many workers there are."""
        return len(self._handles)

    def submit(self, number: int, method: str, *arguments: Any, **further: Any) -> None:
        """Give a worker another task, after those that it has."""
        reference = getattr(self._handles[number], method).remote(*arguments, **further)
        self._tasks[number].append(_Task(method, reference))

    def outstanding(self, number: int, method: str) -> int:
        """How many tasks of that name a worker has been given whose results were not taken yet."""
        return sum(task.method == method for task in self._tasks[number])

    def references(self) -> list[Any]:
        """References to the results of all tasks that were given out and not taken yet."""
        return [task.reference for tasks in self._tasks for task in tasks]

    def results(self, seconds: float = 0.0) -> Iterator[tuple[int, str, Any]]:
        """Take what has been done: worker, method, result; a worker's own results come in their order.

        Args:
            seconds: How long to wait for the first.

        Raises:
            WorkersDied: Too many died in a row.
        """
        first = {tasks[0].reference: number for number, tasks in enumerate(self._tasks) if tasks}
        if not first:
            return
        ready, _ = ray.wait(list(first), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = ray.wait(list(first), num_returns=len(first), timeout=0)
        for reference in ready:
            number = first[reference]
            if (result := self._taken(number)) is not None:
                yield number, *result

    def wait(
        self,
        done: Callable[[], bool],
        take: Callable[[int, str, Any], None],
        seconds: float,
    ) -> None:
        """Take results until something is the case.

        Args:
            done: Whether it is.
            take: Is given every result.
            seconds: Without any result after which to give up.

        Raises:
            WaitedTooLong: Naming the workers that were waited for.
            WorkersDied: Too many died in a row.
        """
        heard = time.monotonic()
        while not done():
            deaths = self.deaths
            for number, method, result in self.results(max(0.0, heard + seconds - time.monotonic())):
                heard = time.monotonic()
                take(number, method, result)
            if self.deaths > deaths:
                heard = time.monotonic()  # a new worker has its time
            elif time.monotonic() - heard >= seconds:
                raise WaitedTooLong(self._silence(seconds))

    def _silence(self, seconds: float) -> str:
        waiting = [f"{number} ({tasks[0].method})" for number, tasks in enumerate(self._tasks) if tasks]
        return (
            f"nothing came from {self._kind} {', '.join(waiting)} for {seconds:g} s: is there room for them "
            f"in the cluster, which offers {ray.cluster_resources().get('CPU', 0):g} CPUs?"
        )

    def _taken(self, number: int) -> tuple[str, Any] | None:
        """Method and result of a worker's first task, or None if the worker died, and was replaced."""
        task = self._tasks[number][0]
        try:
            result = ray.get(task.reference)
        except RayError as problem:
            if not _is_death(problem):
                raise
            self._replace(number, problem)
            return None
        self._tasks[number].popleft()
        if task.method != "begin":
            self._in_a_row = 0
        return task.method, result

    def _replace(self, number: int, problem: RayError) -> None:
        self.deaths += 1
        self._in_a_row += 1
        if self._in_a_row > self._deaths_in_a_row:
            raise WorkersDied(
                f"{self._in_a_row} {self._kind} died in a row without any work done in between, the last "
                f"being number {number}: {problem}"
            ) from problem
        logger.warning("%s %d died and is replaced: %s", self._kind, number, _first_line(problem))
        self._dismiss(number)
        self._handles[number] = self._hire(number)
        self._instruct(number)

    def ask(self, number: int, method: str, *arguments: Any, **further: Any) -> Any:
        """Let a worker do something after all its tasks, and return the reference of its result."""
        return getattr(self._handles[number], method).remote(*arguments, **further)

    def finish(self) -> None:
        """Let tasks in progress end, for a few seconds; their results are dropped."""
        if references := self.references():
            ray.wait(references, num_returns=len(references), timeout=GRACE)

    def dismiss(self) -> None:
        """End all workers."""
        for number in range(len(self)):
            self._dismiss(number)

    def _dismiss(self, number: int) -> None:
        self._tasks[number].clear()
        with contextlib.suppress(RayError):  # it may be dead already
            ray.kill(self._handles[number])


def _is_death(problem: RayError) -> bool:
    """Whether a worker or its node is gone, rather than its code having raised."""
    return not isinstance(problem, RayTaskError) or isinstance(problem.cause, RayError)


def _first_line(problem: RayError) -> str:
    lines = str(problem).strip().splitlines()
    return lines[0] if lines else type(problem).__name__
