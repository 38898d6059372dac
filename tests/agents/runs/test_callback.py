"""Rows of the log and checkpoints while a run trains."""

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.runs.log import read_rows
from tests.support.small_run import UNROLL, run_small


def test_log_has_a_row_per_interval_here_and_in_tensorboard(small_run):
    rows = read_rows(small_run / "progress.csv")
    assert [int(row["time/total_timesteps"]) for row in rows] == [5 * UNROLL * (k + 1) for k in range(4)]
    for name in ("time/training_seconds", "time/cpu_seconds"):
        seconds = [float(row[name]) for row in rows]
        assert seconds == sorted(seconds) and seconds[0] > 0
    events = EventAccumulator(str(small_run / "tensorboard")).Reload().Scalars("learner/entropy")
    assert [event.value for event in events] == pytest.approx([float(row["learner/entropy"]) for row in rows])


def test_latest_and_previous_checkpoint_are_kept(tmp_path, no_report):
    run_small(tmp_path / "run", 9, "--checkpoint-every", str(2 * UNROLL))
    names = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert names == [f"{unrolls * UNROLL:012d}.zip" for unrolls in (8, 9)]
