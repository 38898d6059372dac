"""Options of the Ray engine, and runs that were begun with it; no Ray is running."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.runs.command_line import parse
from agents.runs.directory import RunDirectory
from agents.train import main as train


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--engine", "rya"], "no engine 'rya', did you mean 'ray'"),
        (["--num-actors", "2"], "--num-actors 2 needs --engine ray"),
        (["--lockstep"], "--lockstep True needs --engine ray"),
        (["--engine", "ray", "--num-actors", "5"], "choose one of 1, 2, 4, 8, 16"),
    ],
)
def test_options_that_cannot_work_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(["--env", "MemoryEnvs/IMaze-v0", *options])


def test_a_program_refuses_the_engine_for_agents_that_do_not_run_on_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--preset", "imaze/random", "--engine", "ray", "--run-dir", str(tmp_path / "run")]
    assert train(arguments) == 2
    assert "--engine ray does not run the agent 'random': choose serial" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_without_the_processes_that_it_had(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run")
    options = parse(["--preset", "imaze/ald", "--engine", "ray", "--num-actors", "2"])
    run.write_config(options.to_dict())
    kept = parse(["--resume", str(run.path)]).run
    assert (kept.engine, kept.num_actors) == ("ray", 2)
    alone = parse(["--resume", str(run.path), "--engine", "serial"]).run
    assert (alone.engine, alone.num_actors, alone.ray_settings) == ("serial", 1, None)


@pytest.mark.parametrize(
    ("cores", "options", "threads"),
    [
        (2, [], 2),
        (2, ["--engine", "ray"], 1),
        (8, ["--engine", "ray", "--num-actors", "4"], 3),
        (2, ["--engine", "ray", "--ray-address", "auto"], 2),
        (2, ["--engine", "ray", "--num-threads", "2"], 2),
    ],
)
def test_the_learner_has_the_threads_that_its_workers_leave(
    monkeypatch: pytest.MonkeyPatch, cores: int, options: list[str], threads: int
) -> None:
    for name in ("available_cores", "idle_cores"):
        monkeypatch.setattr(f"agents.runs.command_line.{name}", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert parse(["--preset", "imaze/ald", *options]).run.num_threads == threads
