"""The training program killed at random moments, from its first second on: no run is lost."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agents.runs.directory import RunDirectory
from agents.runs.log import read_rows
from agents.sb3 import checkpoint
from memory_envs.files import is_unfinished
from tests.agents.runs.test_resume import assert_same_state, rows_without_times
from tests.support import ROOT
from tests.support.small_run import MAZE, SMALL, UNROLL

# Together some seconds, about as long as the program takes to come as far as training.
UNROLLS = 100
SAVES = ("--checkpoint-every", str(10 * UNROLL))


def started(folder: Path) -> subprocess.Popen[bytes]:
    """The program that begins a run, or resumes it where it has written its configuration."""
    length = ("--run-dir", str(folder), "--total-timesteps", str(UNROLLS * UNROLL))
    begin, resume = (*MAZE, *length, *SMALL, *SAVES), ("--resume", str(folder))
    arguments = resume if (folder / "config.json").is_file() else begin
    return subprocess.Popen(
        [sys.executable, "-m", "agents.train", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL
    )


def frames_saved(run: RunDirectory) -> int:
    """Frames of the latest checkpoint, which is whole; -1 before the first."""
    if not run.has_begun():
        return -1
    tree = checkpoint.load(run.latest_checkpoint())
    assert int(run.latest_checkpoint().stem) == tree["counters"]["num_timesteps"]
    return int(run.latest_checkpoint().stem)


@pytest.mark.slow
@pytest.mark.timeout(0)  # a quarter of an hour and more
@pytest.mark.parametrize("kills", [20, 200])
def test_a_run_that_is_killed_again_and_again_ends_as_if_it_never_was(kills, tmp_path):
    begun = time.monotonic()
    assert started(tmp_path / "whole").wait() == 0
    lifetime, moments = time.monotonic() - begun, random.Random(kills)
    folder, completed, saved = tmp_path / "run-0", 0, -1
    for kill in range(kills + 1):
        process = started(folder)
        try:
            process.wait(None if kill == kills else moments.uniform(0, lifetime))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            assert frames_saved(RunDirectory(folder)) >= saved  # nothing that was saved is lost
            saved = frames_saved(RunDirectory(folder))
            continue
        assert process.returncode == 0
        assert_same_state(tmp_path / "whole", folder)
        assert rows_without_times(folder) == rows_without_times(tmp_path / "whole")
        assert not [each for each in folder.rglob(".*") if is_unfinished(each.name)]
        assert len(read_rows(folder / "progress.csv")) == UNROLLS // 5
        completed += 1
        folder, saved = tmp_path / f"run-{completed}", -1
    assert completed >= 1
