"""The callback of a run: between two unrolls it logs a row, saves a checkpoint, or stops training."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from agents.runs.directory import RunDirectory
from agents.runs.log import CPU_SECONDS, EPISODES, FRAMES, SECONDS
from agents.runs.snapshots import drop_snapshots_after, is_due, save_snapshot


class TrainingStopped(Exception):
    """Training ended before its total, between two unrolls, with the model whole."""


class RunCallback(BaseCallback):
    """Logs, saves and stops, always between two unrolls, where the model can be saved and resumed exactly.

    `learn` must be called with `log_interval=0`: rows are written here, after every `log_every`-th unroll,
    counted from the beginning of the run, so that a resumed run logs in the same places.

    Args:
        run: Where to save.
        unroll_frames: Frames of one unroll, all lanes together.
        log_every: Unrolls per row.
        checkpoint_every: Frames between checkpoints, rounded up to whole unrolls.
        snapshots: How many acting networks to keep.
        total_frames: Of the whole training, over which these are spread.
        seconds: Seconds of training in earlier sessions of the run.
        cpu_seconds: The same in CPU seconds, summed over threads.
        why_stop: Called after every unroll; a reason ends training.

    Raises:
        TrainingStopped: Out of `learn`, with the reason.
        CannotWrite: A row or a checkpoint cannot be written.
    """

    def __init__(
        self,
        run: RunDirectory,
        *,
        unroll_frames: int,
        log_every: int,
        checkpoint_every: int,
        snapshots: int,
        total_frames: int,
        seconds: float,
        cpu_seconds: float,
        why_stop: Callable[[], str | None],
    ) -> None:
        super().__init__()
        self.run, self.why_stop = run, why_stop
        self.unroll_frames, self.log_every, self.checkpoint_every = unroll_frames, log_every, checkpoint_every
        self.snapshots, self.total_frames = snapshots, total_frames
        self._seconds_before, self._cpu_seconds_before = seconds, cpu_seconds

    def _on_training_start(self) -> None:
        if not self.run.has_begun():  # whatever happens from now on, the run can be resumed
            with self.run.written():
                self.run.save_checkpoint(self.model)
        with self.run.written():
            drop_snapshots_after(self.run, self.model.num_timesteps)
            if self.snapshots and self.model.num_timesteps == 0:
                save_snapshot(self.run, self.model)
        self._start, self._cpu_start = time.perf_counter(), time.process_time()
        self._seen = self._saved = self._logged = self.model.num_timesteps

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        self._after_unroll()
        if (reason := self.why_stop()) is not None:
            raise TrainingStopped(reason)

    def _on_training_end(self) -> None:
        self._after_unroll()

    def _after_unroll(self) -> None:
        frames = self.model.num_timesteps
        if frames == self._seen:  # the first unroll of this session is still to come
            return
        before, self._seen = self._seen, frames
        if is_due(before, frames, self.total_frames, self.snapshots):
            with self.run.written():
                save_snapshot(self.run, self.model)
        if frames % (self.log_every * self.unroll_frames) == 0:
            self.log()
        if frames - self._saved >= self.checkpoint_every:
            self.save()

    def log(self) -> None:
        """Write a row, unless there is one already for these frames."""
        if self._logged == self.model.num_timesteps:
            return
        self._logged = self.model.num_timesteps
        seconds = self._seconds_before + time.perf_counter() - self._start
        self.logger.record(FRAMES, self._logged, exclude="tensorboard")  # the first columns
        self.logger.record(SECONDS, seconds, exclude="tensorboard")
        cpu_seconds = self._cpu_seconds_before + time.process_time() - self._cpu_start
        self.logger.record(CPU_SECONDS, cpu_seconds)
        self.logger.record(EPISODES, len(self.model.ep_info_buffer or ()), exclude="tensorboard")
        write: Any = self.model.dump_logs  # takes the iteration, as that of SB3's on-policy algorithms does
        with self.run.written():
            write(self._logged // self.unroll_frames)

    def save(self) -> None:
        """Save a checkpoint, unless there is one already for these frames."""
        if self._saved != self.model.num_timesteps:
            self._saved = self.model.num_timesteps
            with self.run.written():
                self.run.save_checkpoint(self.model)
