"""The grid of a benchmark: it runs, goes on where it was, and tells how far it is."""

import math
import os
import signal
import sys
import threading
import time

import pytest
from rich.console import Console

from agents.benchmark import __main__ as program
from agents.benchmark.board import Board
from agents.benchmark.grid import Cell, make_grid
from agents.benchmark.pool import mean_beside, run_cells
from agents.runs.command_line import parse
from tests.support.small_benchmark import write_run

# In place of a training program: writes what one writes, in the order in which one does, and no more. Fails
# or waits to be interrupted if told to, and says what it was called with.
FAKE = r"""
import json, os, pathlib, signal, sys, time
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
resumed = "--resume" in options
run = pathlib.Path(options.get("--resume") or options["--run-dir"])
print("called with", *sys.argv[1:], flush=True)
if not resumed:
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
settings = {"preset": options.get("--preset"), "seed": int(options.get("--seed", -1)), "env": "x"}
if resumed:
    settings = json.loads((run / "config.json").read_text())["run"]
settings["total_timesteps"] = int(options["--total-timesteps"])
(run / "config.json").write_text(json.dumps({"run": settings, "agent": "ald", "config": {}}))
(run / "checkpoints" / "000000000001.zip").touch()
behaviour = options.get("--behaviour", "")
if behaviour == f"fail-{settings['seed']}":
    raise SystemExit("the network has exploded")
if behaviour == "wait" and not resumed:
    def stop(*_):
        sys.exit(130)
    signal.signal(signal.SIGINT, stop)
    (run / "ready").touch()
    time.sleep(60)
(run / "evaluation.json").write_text("{}")
"""


@pytest.fixture
def fake(monkeypatch, tmp_path):
    """Cells that run FAKE; returns a function that makes them."""
    script = tmp_path / "fake.py"
    script.write_text(FAKE)
    command = Cell.command
    monkeypatch.setattr(Cell, "command", lambda cell: [sys.executable, str(script), *command(cell)[3:]])

    def cells(*options, seeds=3):
        return make_grid(["imaze/ald"], range(seeds), tmp_path / "grid", 1000, options)

    return cells


class Diary:
    """A watcher that keeps what it is told."""

    def __init__(self):
        self.began, self.most = [], 0

    def started(self, cell, began):
        self.began.append((cell.seed, began))

    def ended(self, outcome):
        pass

    def running(self, cells):
        self.most = max(self.most, len(cells))

    def stopping(self):
        self.began.append("stopping")


def test_as_many_cells_run_at_once_as_asked_for(fake):
    diary = Diary()
    cells = fake()
    outcomes = run_cells(cells, jobs=2, threads=1, watcher=diary)
    assert [outcome.result for outcome in outcomes] == ["finished"] * 3
    assert diary.most == 2 and [seed for seed, _ in diary.began] == [0, 1, 2]
    assert {cell.state() for cell in cells} == {"finished"}
    assert [mean_beside(cell.run) > 0 for cell in cells[:2]] == [True, True]


def test_a_failing_cell_is_reported_and_ends_no_other(fake, capsys):
    cells = fake("--behaviour", "fail-1")
    status = program._run(cells, jobs=3, threads=1, console=Console(width=200))
    told = capsys.readouterr().out
    assert status == 1
    assert "imaze/ald seed 1 failed" in told and "| the network has exploded" in told
    assert [cell.state() for cell in cells] == ["finished", "broken off", "finished"]
    assert "Failed: imaze/ald seed 1" in told.splitlines()[-1]


def test_a_benchmark_that_was_interrupted_goes_on_where_it_was(fake, capsys):
    cells = fake("--behaviour", "wait", seeds=2)

    def interrupt():
        deadline = time.monotonic() + 20
        while not (cells[0].run.path / "ready").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert program._run(cells, jobs=1, threads=1, console=Console(width=200)) == 130
    assert [cell.state() for cell in cells] == ["broken off", "new"]
    assert "Run the same command again to continue" in capsys.readouterr().out
    diary = Diary()
    resumed = fake("--behaviour", "none", seeds=2)
    run_cells(resumed, jobs=1, threads=1, watcher=diary)
    assert diary.began == [(0, "resumed"), (1, "started")]
    calls = [line for line in cells[0].log.read_text().splitlines() if line.startswith("called")]
    assert "--run-dir" in calls[0] and "--resume" in calls[1] and len(calls) == 2
    assert program._run(resumed, jobs=1, threads=1, console=Console(width=200)) == 0
    assert "0 of 2 runs to do" in capsys.readouterr().out


@pytest.mark.parametrize("wrote_its_configuration", [False, True])
def test_what_was_killed_before_its_first_checkpoint_goes_on_and_loses_no_notes(
    fake, wrote_its_configuration
):
    [cell] = fake(seeds=1)
    cell.run.checkpoints.mkdir(parents=True)
    (cell.run.path / "notes.txt").write_text("mine")
    if wrote_its_configuration:
        cell.run.config.write_text('{"run": {"seed": 0}}')
    diary = Diary()
    assert [outcome.result for outcome in run_cells([cell], 1, 1, diary)] == ["finished"]
    assert diary.began == [(0, "resumed" if wrote_its_configuration else "started")]
    assert (cell.run.path / "notes.txt").read_text() == "mine"


def test_an_evaluation_of_before_the_latest_session_finishes_nothing(tmp_path):
    folder = tmp_path / "grid"
    [cell] = make_grid(["imaze/ald"], [0], folder, 2000)
    run = write_run(folder, "imaze/ald", 0, [0.1, 0.2])
    assert cell.state() == "finished"
    os.utime(run / "config.json", (time.time() + 10,) * 2)
    assert cell.state() == "broken off"
    [longer] = make_grid(["imaze/ald"], [0], folder, 3000)
    os.utime(run / "config.json", (0, 0))
    assert (cell.state(), longer.state()) == ("finished", "broken off")


def test_commands_are_those_of_the_training_program(tmp_path):
    cells = make_grid(["imaze/ald", "imaze/vmpo-lstm"], [3, 4], tmp_path, options=["--num-threads", "1"])
    assert [cell.name for cell in cells[:2]] == ["imaze-ald-s3", "imaze-vmpo-lstm-s3"]
    assert cells[0].command()[1:] == [
        *("-m", "agents.train", "--preset", "imaze/ald", "--seed", "3"),
        *("--run-dir", str(tmp_path / "imaze-ald-s3"), "--total-timesteps", "700000", "--num-threads", "1"),
    ]
    assert cells[1].command()[2] == "agents.train"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--presets"], "at least one experiment, got none"),
        (["--presets", "imaze/alt"], "did you mean 'imaze/ald'"),
        (["--presets", "imaze/ald", "imaze/ald"], "imaze-ald-s0"),
        (["--presets", "imaze/ald", "--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--presets", "imaze/ald", "--jobs", "0"], "--jobs must be at least 1, got 0"),
        (["--presets", "imaze/ald", "--total-timesteps", "0"], "--total-timesteps must be at least 1, got 0"),
        (["--presets", "imaze/ald", "--options=--gamma 2"], "gamma must be in [0, 1]"),
        (
            ["--presets", "imaze/ald", "--options=--seed 7"],
            "options must not set --seed: ",
        ),
    ],
)
def test_wrong_grids_are_refused(arguments, message, tmp_path, capsys):
    assert program.main(["run", *arguments, "--folder", str(tmp_path / "grid")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "grid").exists()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--gamma", "0.5"], "gamma is 0.5 instead of 0.9"),
        (["--num-envs", "3"], "num_envs is 3 instead of 28"),
        (["--total-timesteps", "3000"], "total_timesteps is 3000 instead of 2000"),
    ],
)
def test_runs_of_other_settings_than_the_preset_has_now_are_refused(changed, message, tmp_path):
    [cell] = make_grid(["imaze/ald"], [0], tmp_path, 2000, ["--gamma", "0.9"])
    cell.check()
    cell.run.checkpoints.mkdir(parents=True)
    short = ["--preset", "imaze/ald", "--gamma", "0.9", "--total-timesteps", "1000", "--run-dir", "elsewhere"]
    cell.run.write_config(parse([*short, *changed]).to_dict())
    with pytest.raises(ValueError, match=f"imaze-ald-s0 is another experiment than imaze/ald.*{message}; "):
        cell.check()
    cell.run.write_config(parse(short).to_dict())
    cell.check()  # with fewer frames it goes on


def test_one_benchmark_at_a_time_in_a_folder(tmp_path, capsys):
    with program.FileLock(tmp_path / ".lock"):
        assert program.main(["run", "--presets", "imaze/ald", "--folder", str(tmp_path)]) == 2
    assert "another benchmark runs in" in capsys.readouterr().err


def test_board_tells_how_far_a_cell_is(tmp_path, capsys):
    write_run(tmp_path, "imaze/ald", 0, [0.1, 0.25])
    board = Board(Console(width=200), total=1)
    board._last = -math.inf
    board.running(make_grid(["imaze/ald"], [0], tmp_path, 8000))
    line = capsys.readouterr().out
    assert line == "imaze/ald seed 0: 2,000 of 8,000 frames, success 0.250, return 0.250, 1:00 minutes\n"
