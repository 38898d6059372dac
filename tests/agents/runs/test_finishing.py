"""What is written when a run is complete."""

import json
import os
import shlex
import signal

import pytest

from agents.runs import finishing
from agents.runs.callback import RunCallback
from memory_envs.replay import Replay
from tests.support.small_run import resume, run_small


def test_evaluation_covers_both_ways_to_act(small_run):
    evaluation = json.loads((small_run / "evaluation.json").read_text())
    assert {name: each["episodes"] for name, each in evaluation.items()} == {"sampled": 4, "deterministic": 4}


def test_text_of_users_is_printed_as_it_is(tmp_path, capsys):
    """Rich would take it for markup, of which some would end the program, and for names of pictures."""
    names = ("run[/bold]", "[red]run[/red] [link=x] :bomb: [i] {run} %s \\[b]")
    for number, name in enumerate(names):
        folder = tmp_path / name
        assert run_small(folder, 1, "--evaluation-episodes", "1") == 0
        out = capsys.readouterr().out
        assert f", seed 0, in {folder}\n" in out, number
        *_, report, watch, result = out.splitlines()
        assert report.endswith(f"-m agents.report {shlex.quote(str(folder))}")
        assert watch.endswith(f"-m agents.enjoy {shlex.quote(str(folder))}")
        assert result.startswith(("success ", "return "))
        assert resume(folder, "--total-timesteps", "32") == 0
        assert str(folder) in capsys.readouterr().out


def test_a_command_that_is_printed_can_be_typed(tmp_path, capsys, monkeypatch):
    begin = RunCallback._on_training_start

    def stop(self):
        begin(self)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(RunCallback, "_on_training_start", stop)
    folder = tmp_path / "[bold]it's[/bold] a $run`"
    assert run_small(folder, 1) == 130
    command = capsys.readouterr().out.strip().splitlines()[-1].removeprefix("Resume with:")
    assert shlex.split(command)[-1] == str(folder)


@pytest.mark.parametrize("picture", ["save_curve", "save_gif"])
def test_a_picture_that_fails_costs_nothing_else(picture, tmp_path, monkeypatch, capsys):
    def fail(*arguments, **named):
        raise RuntimeError("latex could not be found")

    owner = finishing if picture == "save_curve" else Replay
    monkeypatch.setattr(owner, picture, fail)
    assert run_small(tmp_path / "run", 2) == 0
    told = capsys.readouterr().out
    assert "is not drawn: RuntimeError: latex could not be found" in told and "Watch it with" in told
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"model.zip", "evaluation.json", "replay.json"}
    assert len(names & {"learning_curve.png", "replay.gif"}) == 1
