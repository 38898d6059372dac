"""Progress of training for people: a bar in a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections import deque
from typing import Any, NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import safe_mean

# Unrolls that frames/s are averaged over.
SPEED_WINDOW = 100
# Episodes below which it is said of how few the means are.
_MANY = 50


class Snapshot(NamedTuple):
    """The state of training at one moment."""

    frames: int
    total: int
    success: float | None
    mean_return: float | None
    frames_per_second: float
    seconds_left: float
    episodes: int = _MANY
    """That success and return are means of."""

    def fields(self) -> dict[str, Any]:
        """Return the texts to show."""
        return {
            "frames": f"{format_count(self.frames)} of {format_count(self.total)} frames",
            "success": "" if self.success is None else f"success {self.success:.3f}{self._few()}",
            "mean_return": "" if self.mean_return is None else f"return {self.mean_return:.3f}",
            "speed": f"{self.frames_per_second:,.0f} frames/s",
            "left": f"{format_duration(self.seconds_left)} left",
        }

    def _few(self) -> str:
        """The first episodes to end are the short ones, which tell little of the others."""
        if self.episodes >= _MANY:
            return ""
        return f" of {self.episodes} episode" + ("" if self.episodes == 1 else "s")


class Display(Protocol):
    """Shows snapshots."""

    def show(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""

    def close(self) -> None:
        """Stop; what was shown last stays."""


class Bar:
    """A bar that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        names = ("frames", "outcome", "speed", "left")
        # The texts are as long as they are, and the bar takes what is left of the line.
        whole = Column(no_wrap=True)
        columns = [TextColumn(f"{{task.fields[{name}]}}", markup=False, table_column=whole) for name in names]
        bar = BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8))
        self._progress = Progress(bar, *columns, console=console, expand=True)
        blank: dict[str, Any] = dict.fromkeys(names, "")
        self._task = self._progress.add_task("", total=None, **blank)
        self._progress.start()

    def show(self, snapshot: Snapshot) -> None:
        """Redraw."""
        texts = snapshot.fields()
        texts["frames"] = texts["frames"].removesuffix(" frames")
        texts["outcome"] = (
            texts.pop("success") or texts["mean_return"]
        )  # a line of 80 letters has room for one
        self._progress.update(self._task, completed=snapshot.frames, total=snapshot.total, **texts)

    def close(self) -> None:
        """Stop redrawing."""
        self._progress.stop()


class Lines:
    """A line every few seconds, for logs."""

    def __init__(self, console: Console, seconds: float = 10.0) -> None:
        self._console, self._seconds, self._last = console, seconds, time.monotonic()

    def show(self, snapshot: Snapshot) -> None:
        """Print a line if it is time for one."""
        if time.monotonic() - self._last >= self._seconds or snapshot.frames >= snapshot.total:
            self._last = time.monotonic()
            line = ", ".join(text for text in snapshot.fields().values() if text)
            self._console.print(line, soft_wrap=True, highlight=False)

    def close(self) -> None:
        """Nothing is open."""


class TrainingProgress(BaseCallback):
    """Shows frames, success rate, return, speed and time left after every unroll.

    Args:
        total: Frames that training runs to.
        console: Where to show them; a bar is drawn if it is a terminal.
    """

    def __init__(self, total: int, console: Console) -> None:
        super().__init__()
        self.total = total
        self.display: Display = Bar(console) if console.is_terminal else Lines(console)
        self._begun = (0.0, 0)
        self._times: deque[tuple[float, int]] = deque(maxlen=SPEED_WINDOW)  # ends of rollouts

    def close(self) -> None:
        """Stop; what was shown last stays."""
        self.display.close()

    def _on_training_start(self) -> None:
        self._begun = self._mark()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._times.append(self._mark())
        if self.model.num_timesteps < self.total:  # else it is shown when the last update is over
            self.display.show(self.snapshot())

    def _on_training_end(self) -> None:
        if len(self._times) < 2:  # a single one has ended before its update
            self._times.clear()
            self._times.append(self._mark())
        self.display.show(self.snapshot())

    def _mark(self) -> tuple[float, int]:
        return time.perf_counter(), self.model.num_timesteps

    def snapshot(self) -> Snapshot:
        """Return the state of training, averaged over the episodes that the model keeps."""
        # From rollout to rollout there are as many updates as rollouts.
        start, before = self._times[0] if len(self._times) > 1 else self._begun
        end, frames = self._times[-1]
        speed = (frames - before) / max(end - start, 1e-9)
        successes, infos = self.model.ep_success_buffer, self.model.ep_info_buffer
        return Snapshot(
            frames=frames,
            total=self.total,
            success=float(safe_mean(successes)) if successes else None,
            mean_return=float(safe_mean([info["r"] for info in infos])) if infos else None,
            frames_per_second=speed,
            seconds_left=max(0, self.total - frames) / max(speed, 1e-9),
            episodes=len(successes or ()),
        )


def format_count(frames: int) -> str:
    """Return a number of frames in a few characters: 99,999 or 1.60M."""
    return f"{frames:,}" if frames < 100_000 else f"{frames / 1e6:.2f}M"


def format_duration(seconds: float) -> str:
    """Return a duration as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
