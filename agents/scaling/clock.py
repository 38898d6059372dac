"""Simulated time: processes that work on shared cores, wait for one another, or wait for time to pass."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True)
class Working:
    """Seconds of one core."""

    seconds: float


@dataclass(frozen=True)
class Passing:
    """Seconds that nobody works for."""

    seconds: float


@dataclass
class Event:
    """Something that happens once."""

    happened: bool = False
    waiting: list[Process] = field(default_factory=list)


# What runs on a clock: it yields what it does until it goes on.
Process: TypeAlias = Generator[Working | Passing | Event, None, None]


class Clock:
    """Runs processes in simulated time.

    Those that work at the same moment share the cores evenly, as on an operating system that switches often.
    Whatever falls on the same moment happens in the order in which it was begun, so that a simulation is the
    same every time.

    Args:
        cores: How many there are; None for as many as are wanted.

    Attributes:
        now: Seconds since the beginning.
    """

    def __init__(self, cores: int | None) -> None:
        self.now = 0.0
        self._cores = math.inf if cores is None else cores
        self._order = itertools.count()
        self._timers: list[tuple[float, int, Process]] = []
        # All who work have come equally far since each began, so one number tells the progress of all.
        self._progress = 0.0
        self._workers: list[tuple[float, int, Process]] = []

    def start(self, process: Process) -> None:
        """Let a process begin, and run it to its first wait."""
        self._resume(process)

    def set(self, event: Event) -> None:
        """Let an event happen; who waits for it goes on."""
        event.happened = True
        waiting, event.waiting = event.waiting, []
        for process in waiting:
            self._resume(process)

    def run(self, until: Event) -> None:
        """Let time pass until an event.

        Raises:
            RuntimeError: Everybody waits for somebody else.
        """
        while not until.happened:
            if not self._timers and not self._workers:
                raise RuntimeError(f"at {self.now:g} s, all simulated processes wait for one another")
            self._resume(self._next())

    def _next(self) -> Process:
        """Let time pass until somebody goes on."""
        pace = min(1.0, self._cores / len(self._workers)) if self._workers else 1.0
        done = self.now + (self._workers[0][0] - self._progress) / pace if self._workers else math.inf
        due = self._timers[0][0] if self._timers else math.inf
        self._progress += pace * (min(done, due) - self.now)
        self.now = min(done, due)
        _, _, process = heapq.heappop(self._workers if done <= due else self._timers)
        return process

    def _resume(self, process: Process) -> None:
        """Run a process to where it waits."""
        for step in process:
            if isinstance(step, Event):
                if not step.happened:
                    step.waiting.append(process)
                    return
            elif step.seconds > 0:
                self._put(step, process)
                return

    def _put(self, step: Working | Passing, process: Process) -> None:
        if isinstance(step, Working):
            heapq.heappush(self._workers, (self._progress + step.seconds, next(self._order), process))
        else:
            heapq.heappush(self._timers, (self.now + step.seconds, next(self._order), process))


@dataclass
class Task:
    """What a worker is given to do.

    Attributes:
        steps: Makes the process of doing it.
        after: What is waited for before.
        done: That it is done.
    """

    steps: Callable[[], Process]
    after: Sequence[Event] = ()
    done: Event = field(default_factory=Event)


class Worker:
    """Does its tasks in order.

    Attributes:
        busy: Seconds of its tasks, since they were last set to 0.
        idle: Seconds without a task, or with one that waits for others.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._tasks, self._given = clock, deque[Task](), Event()
        self.busy = self.idle = 0.0
        clock.start(self._run())

    def give(self, task: Task) -> None:
        """Add a task behind those that there are."""
        self._tasks.append(task)
        self._clock.set(self._given)

    def _run(self) -> Process:
        clock, rested = self._clock, self._clock.now
        while True:
            while not self._tasks:
                self._given = Event()
                yield self._given
            task = self._tasks.popleft()
            yield from task.after
            began = clock.now
            yield from task.steps()
            self.idle += began - rested
            self.busy += clock.now - began
            rested = clock.now
            clock.set(task.done)
