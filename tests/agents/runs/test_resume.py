"""Resuming a run: stopping loses nothing, and what would make it another run is refused."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from agents.runs.command_line import parse
from agents.runs.directory import RunDirectory
from agents.runs.log import read_rows
from agents.runs.progress import TrainingProgress
from agents.sb3 import checkpoint
from tests.support import ROOT
from tests.support.small_run import ENV, UNROLL, UNROLLS, resume, run_small

# What differs between any two runs: times, sessions, and the generator of lanes that were given no seed.
NOT_COMPARED = re.compile(
    r"/episodes/infos/\d+/t|/counters/_num_timesteps_at_start|/environment/inner/env/np_random/.*"
)


def leaves(tree, place=""):
    """Everything in a checkpoint, by place."""
    if isinstance(tree, dict | list | tuple):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return {k: v for key, value in items for k, v in leaves(value, f"{place}/{key}").items()}
    return {} if NOT_COMPARED.fullmatch(place) else {place: np.asarray(tree)}


def assert_same_state(first, second):
    states = [leaves(checkpoint.load(RunDirectory(run).latest_checkpoint())) for run in (first, second)]
    assert len(states[0]) > 60 and states[0].keys() == states[1].keys()
    for place, value in states[0].items():
        np.testing.assert_array_equal(value, states[1][place], err_msg=place)


def rows_without_times(folder):
    rows = read_rows(RunDirectory(folder).progress)
    timeless = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]
    return [row["time/total_timesteps"] for row in rows], timeless


def interrupted(folder, unrolls, capsys):
    """Press Ctrl-C twice while the given unroll of a run is collected; return the command that resumes it."""

    def press(self):
        if self.model.num_timesteps == unrolls * UNROLL:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "_on_rollout_end", press)
        assert run_small(folder, UNROLLS) == 130
    assert RunDirectory(folder).latest_checkpoint().name == f"{unrolls * UNROLL:012d}.zip"
    command = capsys.readouterr().out.strip().splitlines()[-1]
    assert command.endswith(f"-m agents.train --resume {folder}")
    return command.removeprefix("Resume with:")


def test_interrupted_at_a_row_of_the_log_and_resumed_equals_uninterrupted(
    small_run, tmp_path, no_report, capsys
):
    folder = tmp_path / "run"
    interrupted(folder, 10, capsys)
    assert resume(folder) == 0
    assert_same_state(small_run, folder)
    assert rows_without_times(folder) == rows_without_times(small_run)


def test_interrupted_between_two_rows_and_resumed_by_a_fresh_process_equals_uninterrupted(
    small_run, tmp_path, monkeypatch, capsys
):
    """Whose progress is printed in lines, as there is no terminal."""
    folder = tmp_path / "run"
    monkeypatch.chdir(ROOT)
    command = interrupted(folder, 13, capsys)
    done = subprocess.run(shlex.split(command), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert_same_state(small_run, folder)
    assert rows_without_times(folder) == rows_without_times(small_run)
    assert {path.name for path in folder.iterdir()} == {path.name for path in small_run.iterdir()}
    assert "640 of 640 frames" in done.stdout and "frames/s, 0:00 left" in done.stdout
    assert "\x1b" not in done.stdout


def test_finished_run_goes_on_to_a_new_total(small_run, tmp_path, no_report):
    folder = tmp_path / "run"
    assert run_small(folder, 12) == 0
    assert resume(folder, "--total-timesteps", str(UNROLLS * UNROLL)) == 0
    assert_same_state(small_run, folder)
    assert rows_without_times(folder) == rows_without_times(small_run)
    for name in ("time/training_seconds", "time/cpu_seconds"):
        seconds = [float(row[name]) for row in read_rows(folder / "progress.csv")]
        assert seconds == sorted(seconds)  # the second session counts on from the first
    config = json.loads((folder / "config.json").read_text())
    assert config["run"]["total_timesteps"] == UNROLLS * UNROLL
    assert [session["from_timesteps"] for session in config["sessions"]] == [0, 12 * UNROLL]


def test_a_finished_run_loses_nothing_by_being_gone_on_with(tmp_path, capsys, no_report):
    """Its last row is not one of those that lie at even distances."""
    folder = tmp_path / "run"
    assert run_small(folder, 7) == 0
    rows = (folder / "progress.csv").read_bytes()
    assert read_rows(folder / "progress.csv")[-1]["time/total_timesteps"] == str(7 * UNROLL)
    assert resume(folder) == 0
    assert (folder / "progress.csv").read_bytes() == rows
    before = (folder / "config.json").read_bytes()
    assert resume(folder, "--total-timesteps", str(6 * UNROLL)) == 2
    assert f"at least the {7 * UNROLL} frames" in capsys.readouterr().err
    assert (folder / "config.json").read_bytes() == before


def test_rows_behind_the_checkpoint_are_dropped(small_run, tmp_path, no_report):
    """As after a crash: the log is ahead of the last checkpoint, and so are the events."""
    folder = tmp_path / "run"
    assert run_small(folder, 17, "--checkpoint-every", str(10 * UNROLL)) == 0
    RunDirectory(folder).latest_checkpoint().unlink()
    assert resume(folder, "--total-timesteps", str(UNROLLS * UNROLL)) == 0
    assert rows_without_times(folder) == rows_without_times(small_run)
    events = EventAccumulator(str(folder / "tensorboard"), purge_orphaned_data=True).Reload()
    steps = [event.step for event in events.Scalars("learner/entropy")]
    assert steps == [5 * UNROLL * (k + 1) for k in range(4)]


def test_other_environments_train_and_resume(tmp_path, capsys):
    folder = tmp_path / "run"
    assert run_small(folder, 10, task=("--env", "CartPole-v1")) == 0
    assert "No replay: CartPole-v1" in capsys.readouterr().out
    assert not (folder / "replay.json").exists()
    assert resume(folder, "--total-timesteps", str(15 * UNROLL)) == 0
    assert "not bit for bit" in " ".join(capsys.readouterr().out.split())
    assert len(read_rows(folder / "progress.csv")) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "1"], "--seed 1 contradicts --resume: the run has 0"),
        (["--gamma", "0.5"], "--gamma 0.5 contradicts --resume: the run has 0.99"),
        (["--preset", "imaze/ald"], "--preset imaze/ald contradicts --resume: the run has None"),
        (["--run-dir", "elsewhere"], "--run-dir elsewhere contradicts --resume"),
    ],
)
def test_options_that_contradict_the_run_are_refused(small_run, arguments, message, capsys):
    assert resume(small_run, *arguments) == 2
    assert message in capsys.readouterr().err


def test_options_that_repeat_the_run_are_not_refused(small_run):
    assert parse(["--resume", str(small_run), "--seed", "0", "--env", ENV]).run.seed == 0


def test_damaged_checkpoint_is_refused(small_run, tmp_path, capsys):
    run = RunDirectory.create(tmp_path / "run")
    run.release()
    run.config.write_text((small_run / "config.json").read_text())
    (run.checkpoints / "000000000032.zip").write_bytes(b"PK")
    assert resume(run.path) == 2
    assert "cannot be loaded" in capsys.readouterr().err


@pytest.mark.parametrize("harm", [b"", b"320,\0\0\0\r\n", b"\xff\xfe320\r\n", b"320,1"], ids=repr)
def test_a_damaged_log_costs_its_damaged_rows_and_not_the_run(harm, small_run, tmp_path, no_report, capsys):
    folder = tmp_path / "run"
    assert run_small(folder, 12) == 0
    path = folder / "progress.csv"
    damaged = path.read_bytes() + harm if harm else path.read_bytes().partition(b"\r\n")[2]
    path.write_bytes(damaged)
    capsys.readouterr()
    assert resume(folder, "--total-timesteps", str(UNROLLS * UNROLL)) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert f"progress.csv cannot be read in full: what it held is in {folder}/progress.csv.damaged" in told
    assert (folder / "progress.csv.damaged").read_bytes() == damaged
    assert_same_state(small_run, folder)
    expected = rows_without_times(small_run)
    kept = rows_without_times(folder)
    assert kept == expected if harm else kept == tuple(each[2:] for each in expected)


@pytest.mark.parametrize("lost", ["checkpoints", "config.json", "."])
def test_what_is_removed_during_a_run_is_made_again(lost, small_run, tmp_path, no_report):
    folder = tmp_path / "run"

    def remove(self):
        if self.model.num_timesteps == 7 * UNROLL:
            shutil.rmtree(folder / lost) if (folder / lost).is_dir() else (folder / lost).unlink()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainingProgress, "_on_rollout_end", remove)
        assert run_small(folder, 12, "--checkpoint-every", str(10 * UNROLL)) == 0
    assert resume(folder, "--total-timesteps", str(UNROLLS * UNROLL)) == 0
    assert_same_state(small_run, folder)
    assert rows_without_times(folder) == rows_without_times(small_run)
