"""What is seen of a benchmark while it runs: a line per event, and on a terminal one per running cell."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agents.benchmark.grid import Cell
from agents.benchmark.pool import Outcome, tail
from agents.runs.log import FRAMES, SECONDS, Row, read_rows
from agents.runs.progress import format_count, format_duration

# Between two looks at the logs of the runs: on a terminal, where lines are redrawn, and elsewhere.
LIVE_SECONDS, LOG_SECONDS = 2.0, 60.0


class Board:
    """Tells people what happens.

    Args:
        console: Where.
        total: Cells that will run.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console, self.total, self.ended_count = console, total, 0
        self._live = Live(console=console, refresh_per_second=2) if console.is_terminal else None
        self._seconds, self._last = (LIVE_SECONDS if self._live else LOG_SECONDS), time.monotonic()

    def __enter__(self) -> Board:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.update(Text())
            self._live.stop()

    def started(self, cell: Cell, began: str) -> None:
        """Say which."""
        self._say(f"{cell.label} {began}, output in {cell.log}")

    def ended(self, outcome: Outcome) -> None:
        """Say how it ended; of a failure also what the program said last."""
        self.ended_count += 1
        cell, took = outcome.cell, format_duration(outcome.seconds)
        self._say(f"{cell.label} {outcome.result} after {took} minutes ({self.ended_count} of {self.total})")
        if outcome.result == "failed":
            self._say(f"  exit status {outcome.status}, end of {cell.log}:")
            self._say("\n".join("  | " + line for line in tail(cell).splitlines()))

    def running(self, cells: Sequence[Cell]) -> None:
        """Say how far they are, if it is time to."""
        if not cells or time.monotonic() - self._last < self._seconds:
            return
        self._last = time.monotonic()
        lines = "\n".join(_line(cell) for cell in cells)
        if self._live:
            self._live.update(Text(lines, no_wrap=True, overflow="ellipsis"))
        else:
            self._say(lines)

    def stopping(self) -> None:
        """Say what is waited for."""
        self._say("Stopping: waiting for the runs to save ...")

    def _say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True, highlight=False, markup=False)


def _line(cell: Cell) -> str:
    rows = read_rows(cell.run.progress)
    return f"{cell.label}: " + (_where(rows[-1], cell) if rows else "nothing logged yet")


def _where(row: Row, cell: Cell) -> str:
    parts = [f"{format_count(int(row[FRAMES]))} of {format_count(cell.total_timesteps)} frames"]
    for name, metric in (("success", "rollout/success_rate"), ("return", "rollout/ep_rew_mean")):
        if row.get(metric):
            parts.append(f"{name} {float(row[metric]):.3f}")
    return ", ".join([*parts, f"{format_duration(float(row[SECONDS]))} minutes"])
