"""Cells as processes, as many at once as the machine carries; one that fails does not end the others."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, Protocol

from agents.benchmark.grid import Cell
from agents.process.interrupts import Interrupt, deferred_interrupts
from agents.runs.directory import RunDirectory
from memory_envs.files import write_json
from memory_envs.registry.json_text import build, read_file

Result = Literal["finished", "failed", "interrupted"]

POLL_SECONDS = 0.2
TAIL_LINES = 15
# How the training programs end when they were asked to stop, and how Python does while it imports them.
INTERRUPTED = (130, -signal.SIGINT)


@dataclass(frozen=True)
class Outcome:
    """How a process ended.

    Attributes:
        cell: Which.
        status: Of the process: 0 finished, 130 interrupted, anything else failed.
        seconds: From its start to its end.
        beside: How many other cells ran at the same time, averaged over these seconds.
    """

    cell: Cell
    status: int
    seconds: float
    beside: float

    @property
    def result(self) -> Result:
        """The status in a word."""
        return "finished" if self.status == 0 else "interrupted" if self.status in INTERRUPTED else "failed"


class Watcher(Protocol):
    """Somebody who is told what happens."""

    def started(self, cell: Cell, began: str) -> None:
        """A process was "started" or "resumed"."""

    def ended(self, outcome: Outcome) -> None:
        """A process ended."""

    def running(self, cells: Sequence[Cell]) -> None:
        """A moment went by with these running."""

    def stopping(self) -> None:
        """Somebody asked to stop: those that run save, and no other is begun."""


def run_cells(cells: Sequence[Cell], jobs: int, threads: int, watcher: Watcher) -> list[Outcome]:
    """Run cells, `jobs` at once, until all have ended or somebody asks to stop.

    Ctrl-C, SIGTERM and SIGHUP are passed on once, as SIGINT; the training programs save and exit, and are
    waited for.

    Args:
        cells: None of them finished.
        jobs: Processes at once, at least 1.
        threads: Of each process.
        watcher: Is told what happens.

    Returns:
        One outcome per cell that was begun.
    """
    running: list[_Process] = []
    with deferred_interrupts(watcher.stopping) as interrupt:
        try:
            return list(_run(deque(cells), running, jobs, threads, watcher, interrupt))
        finally:  # nothing is left running when something goes wrong here
            _tell(running)
            for process in running:
                process.process.wait()


def _run(
    waiting: deque[Cell],
    running: list[_Process],
    jobs: int,
    threads: int,
    watcher: Watcher,
    interrupt: Interrupt,
) -> Iterator[Outcome]:
    told = False
    while running or (waiting and not interrupt.requested):
        while waiting and len(running) < jobs and not interrupt.requested:
            running.append(_Process(waiting.popleft(), threads, watcher))
        if interrupt.requested and not told:
            told = _tell(running)
        _wait(running)
        watcher.running([process.cell for process in running])
        yield from _reap(running, watcher)


def tail(cell: Cell, lines: int = TAIL_LINES) -> str:
    """Return the last lines of what the program said."""
    return "\n".join(cell.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def mean_beside(run: RunDirectory) -> float | None:
    """Return how many other cells ran beside a run, averaged over its time; None if nobody counted."""
    sessions = _sessions(run.path)
    seconds = sum(each["seconds"] for each in sessions)
    return sum(each["seconds"] * each["beside"] for each in sessions) / seconds if seconds else None


class _Process:
    """A cell that runs."""

    def __init__(self, cell: Cell, threads: int, watcher: Watcher) -> None:
        self.cell, self.beside_seconds = cell, 0.0
        watcher.started(cell, "started" if cell.state() == "new" else "resumed")
        cell.log.parent.mkdir(parents=True, exist_ok=True)
        environment = {"OMP_NUM_THREADS": str(threads)} | os.environ  # of numpy; torch has an option
        with cell.log.open("ab") as log:
            self.process = subprocess.Popen(
                cell.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )
        self.start = time.perf_counter()

    def outcome(self) -> Outcome | None:
        """Write down how it ended, once it has."""
        status = self.process.poll()
        if status is None:
            return None
        seconds = time.perf_counter() - self.start
        outcome = Outcome(self.cell, status, seconds, self.beside_seconds / seconds)
        _write_down(outcome)
        return outcome


def _tell(running: Sequence[_Process]) -> bool:
    for process in running:
        process.process.send_signal(signal.SIGINT)
    return True


def _reap(running: list[_Process], watcher: Watcher) -> list[Outcome]:
    """Take out those that ended."""
    ended = []
    for process in tuple(running):
        outcome = process.outcome()
        if outcome is not None:
            running.remove(process)
            watcher.ended(outcome)
            ended.append(outcome)
    return ended


def _wait(running: Sequence[_Process]) -> None:
    """For a moment, which is counted for those that spend it in company."""
    start = time.perf_counter()
    time.sleep(POLL_SECONDS)
    for process in running:
        process.beside_seconds += (len(running) - 1) * (time.perf_counter() - start)


def _write_down(outcome: Outcome) -> None:
    """Append to the sessions in the run's folder, unless the program never began it."""
    folder = outcome.cell.run.path
    if outcome.cell.run.config.is_file():
        session = {
            "ended": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "status": outcome.status,
            "seconds": round(outcome.seconds, 3),
            "beside": round(outcome.beside, 3),
        }
        write_json(_file(folder), {"sessions": [*_sessions(folder), session]})


def _sessions(folder: Path) -> list[dict[str, Any]]:
    file = _file(folder)
    if not file.is_file():
        return []
    place = f"{file}: sessions"
    sessions = build(list[dict[str, Any]], read_file(file).get("sessions"), place)
    for each in sessions:
        for name in ("seconds", "beside"):
            build(float, each.get(name), f"{place}/{name}")
    return sessions


def _file(folder: Path) -> Path:
    return folder / "benchmark.json"
