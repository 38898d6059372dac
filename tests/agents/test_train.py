"""The training program from outside: what it leaves behind, what it refuses, and its older names."""

import os
import runpy
import sys
from pathlib import Path

import pytest

from agents import train
from agents.engines.faults import NoCluster
from agents.process import interrupts
from agents.runs.directory import RunDirectory
from memory_envs.replay import Replay
from tests.support.processes import unanswered
from tests.support.programs import program
from tests.support.small_run import ENV, MAZE, SMALL, UNROLL, resume, run_small


def test_run_directory_holds_everything_promised(small_run):
    names = {path.name for path in small_run.iterdir()}
    assert names == {
        *("config.json", "progress.csv", "tensorboard", "checkpoints", "model.zip"),
        *("learning_curve.png", "evaluation.json", "replay.json", "replay.gif", ".lock"),
    }
    assert (small_run / "learning_curve.png").read_bytes()[:4] == b"\x89PNG"
    assert (small_run / "replay.gif").read_bytes()[:3] == b"GIF"
    Replay.load(small_run / "replay.json").verify()


def test_a_run_that_finds_no_cluster_leaves_nothing(tmp_path, capsys):
    with unanswered() as address:
        assert run_small(tmp_path / "run", 3, "--engine", "ray", "--ray-address", address) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: no Ray cluster answers at {address}") and error.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("existed", [False, True])
def test_a_missing_cluster_is_told_also_where_the_folder_is_a_link(existed, tmp_path, monkeypatch, capsys):
    def find_none(*arguments):
        raise NoCluster("no Ray cluster answers")

    (tmp_path / "disk").mkdir()
    if existed:
        (tmp_path / "disk" / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "disk" / "run" if existed else tmp_path / "disk")
    folder = tmp_path / "link" if existed else tmp_path / "link" / "run"
    monkeypatch.setattr(train, "train", find_none)
    assert run_small(folder, 3) == 2
    assert capsys.readouterr().err == "error: no Ray cluster answers\n"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "disk" / "run").exists() == existed
    assert not existed or not list(folder.iterdir())


def test_a_lost_connection_of_an_environment_is_no_missing_cluster(tmp_path, monkeypatch):
    def lose(*arguments):
        raise ConnectionResetError("the simulator is gone")

    monkeypatch.setattr(train, "train", lose)
    with pytest.raises(ConnectionResetError, match="the simulator is gone"):
        run_small(tmp_path / "run", 3)
    assert (tmp_path / "run" / "config.json").is_file()


def test_two_programs_cannot_train_in_one_folder(small_run, capsys):
    run = RunDirectory.open(small_run)
    run.claim()
    before = (small_run / "config.json").read_bytes()
    assert resume(small_run) == 2
    assert "another program is training" in capsys.readouterr().err
    assert (small_run / "config.json").read_bytes() == before
    run.release()


def test_folder_that_is_not_empty_is_refused(small_run, capsys):
    assert run_small(small_run, 1) == 2
    assert f"--resume {small_run}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to train on: give --preset NAME"),
        (["--preset", "imaze/adl"], "did you mean 'imaze/ald'"),
        (["--agent", "pppo", "--env", ENV], "did you mean 'ppo'"),
        (["--agent", "ppo", "--preset", "imaze/ald"], "--agent ppo contradicts --preset imaze/ald"),
        (["--env", "MemoryEnvs/IMase-v0"], "IMaze"),
        (["--env", ENV, "--gamma", "2"], "gamma must be in [0, 1], got 2.0"),
        (["--env", ENV, "--num-envs", "0"], "--num-envs must be at least 1, got 0"),
        (["--env", ENV, "--seed", "-1"], "--seed must be from 0 to"),
        (["--env", ENV, "--stop-at-success", "1.5"], "--stop-at-success must be in (0, 1], got 1.5"),
        (["--env", ENV, "--env-kwargs", "[1]"], "--env-kwargs must be a JSON object"),
        (["--env", ENV, "--env-kwargs", '{"size": 8}'], "size"),
        (["--env", ENV, "--run-dir", "run\udcff"], "--run-dir must be printable text, got 'run\\udcff'"),
        (["--env", ENV, "--run-dir", "run\n2"], "--run-dir must be printable text, got 'run\\n2'"),
        (["--resume", "no/such/run"], "no/such/run is not a run directory"),
    ],
)
def test_wrong_options_are_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["agents.ald.train", "agents.baselines.train"])
@pytest.mark.parametrize("preset", ["imaze/ald", "imaze/vmpo-gtrxl", "imaze/ppo"])
def test_older_names_of_the_program_take_every_preset(name, preset, monkeypatch, capsys):
    """The older names are doors to one program; each refused presets that only the other trains."""
    monkeypatch.setattr(interrupts, "ignore_interrupts", lambda: None)
    monkeypatch.setattr(sys, "argv", ["train", "--preset", preset, "--num-envs", "0"])
    monkeypatch.delitem(sys.modules, name, raising=False)  # where another test has imported it
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(name, run_name="__main__")
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: --num-envs must be at least 1, got 0\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes break on POSIX")
def test_training_goes_on_behind_head(tmp_path: Path):
    length = ("--run-dir", str(tmp_path / "run"), "--total-timesteps", str(10 * UNROLL))
    process = program("agents.train", *MAZE, *length, *SMALL, PYTHONUNBUFFERED="1")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=120)) == ("", 0)
    assert (tmp_path / "run" / "evaluation.json").is_file()
