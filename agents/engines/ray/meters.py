"""Where the time of all processes goes."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator

from agents.engines.ray.payload import Batch, Collected, Distilled, TaskTime

# Parts that run in workers of their own.
_ACTING, _DISTILLING = "acting", "distilling"


class Meters:
    """Sums over the time since they were last read; what workers did counts when it becomes known."""

    def __init__(self) -> None:
        self._replaced = {"actors": 0, "distillers": 0}
        self.begin()

    def begin(self) -> None:
        """Count from now on: the workers have started."""
        self._totals: dict[str, float] = defaultdict(float)
        self._seconds: dict[str, float] = defaultdict(float)
        self._since = time.perf_counter()

    def replaced(self, kind: str) -> None:
        """A worker died and another has taken its place."""
        self._replaced[kind] += 1

    def collected(self, unroll: Collected) -> None:
        """An actor's unroll arrived."""
        self._worked(_ACTING, unroll.time, unroll.unroll["reward"].size)

    def distilled(self, done: Distilled) -> None:
        """A distiller's steps are done."""
        self._worked(_DISTILLING, done.time, done.frames)
        self._totals["steps"] += done.steps

    def learnt(self, batch: Batch, lag: float, queued: int) -> None:
        """The learner takes a batch that is `lag` batches old, while `queued` further unrolls wait."""
        for name, value in {
            "batches": 1,
            "learning frames": batch.frames,
            "lag": lag,
            "queued": queued,
        }.items():
            self._totals[name] += value

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Count the seconds of a block of the driver's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[part] += time.perf_counter() - start

    def _worked(self, part: str, task: TaskTime, frames: int) -> None:
        self._seconds[part] += task.busy
        self._seconds[f"{part}_cpu"] += task.cpu
        self._totals[f"{part} idle"] += task.idle
        self._totals[f"{part} frames"] += frames

    def take_seconds(self) -> dict[str, float]:
        """Seconds by part, those of several workers added up; the rest starts anew with `take_figures`."""
        return dict(self._seconds)

    def take_figures(self) -> dict[str, float]:
        """Shares, speeds and means, and workers replaced since the beginning, by the names in the log."""
        totals, seconds = self._totals, self._seconds
        wall, batches = time.perf_counter() - self._since, max(totals["batches"], 1.0)
        figures = {
            "queue/policy_lag": totals["lag"] / batches,
            "queue/depth": totals["queued"] / batches,
            "distillation/steps_per_rl_step": totals["steps"] / batches,
            "idle/learner": _share(seconds["waiting"], wall),
            "busy/learner": _share(seconds["learning"], wall),
        }
        for part, name in ((_ACTING, "actors"), (_DISTILLING, "distillers")):
            idle = totals[f"{part} idle"]
            figures[f"idle/{name}"] = _share(idle, idle + seconds[part])
        for part in (_ACTING, "learning", _DISTILLING):
            figures[f"speed/{part}"] = _share(totals[f"{part} frames"], seconds[part])
        figures |= {f"workers/{kind}_replaced": float(count) for kind, count in self._replaced.items()}
        self.begin()
        return figures


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
