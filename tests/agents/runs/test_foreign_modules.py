"""A file that names a module imports none, unless it is asked for."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import pretrained
from agents.benchmark.__main__ import main as benchmark
from agents.enjoy.__main__ import main as enjoy
from agents.export.__main__ import main as export
from agents.pretrained.__main__ import main as publish
from agents.pretrained.store import SHIPPED
from agents.report.__main__ import main as report
from agents.runs.command_line import parse
from agents.runs.directory import RunDirectory
from agents.runs.trained import load_trained
from agents.sb3.checkpoint import CheckpointError
from agents.train import main as train
from agents.train import resume_command
from agents.vec_env.make import UntrustedModule
from tests.support.small_report import SmallReport, embedded_in
from tests.support.small_run import ENV, SMALL

MODULE = "innocent"
FOREIGN = f"{MODULE}:{ENV}"


@pytest.fixture
def run(small_report: SmallReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run folder whose configuration names a module that lies in the working directory."""
    folder: Path = shutil.copytree(small_report.runs / "seed0", tmp_path / "runs" / "stranger")
    set_env(folder, FOREIGN)
    (tmp_path / f"{MODULE}.py").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    sys.modules.pop(MODULE, None)


def set_env(folder: Path, env: str) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["run"]["env"] = env
    (folder / "config.json").write_text(json.dumps(config))


COMMANDS = {
    "enjoy": (lambda run: enjoy([str(run), "--headless", "--episodes", "1"]), 2),
    "resume": (lambda run: train(["--resume", str(run), "--total-timesteps", "700"]), 2),
    "resume by ray": (lambda run: train(["--resume", str(run), "--engine", "ray"]), 2),
    "publish": (lambda run: publish([str(run)]), 2),
    "report": (lambda run: report([str(run.parent), "--episodes", "1"]), 0),
    "report of one": (lambda run: report([str(run), "--episodes", "1"]), 0),
    "collect": (lambda run: benchmark(["collect", str(run.parent), "--out", str(run.parent / "raw")]), 0),
    "export": (lambda run: export([str(run), "--out", str(run / "actor.onnx")]), 0),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_no_program_imports_what_a_run_folder_names(run: Path, command: str) -> None:
    go, status = COMMANDS[command]
    assert go(run) == status
    assert MODULE not in sys.modules


def test_the_refusal_says_which_file_names_which_module_and_how_to_trust_it(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("enjoy", "resume"):
        COMMANDS[command][0](run)
        said = capsys.readouterr().err
        assert "config.json" in said and repr(FOREIGN) in said and repr(MODULE) in said
        assert "--trust-env-module" in said and len(said.strip().splitlines()) == 1
    with pytest.raises(UntrustedModule, match="trust_env_module=True"):
        load_trained(run)
    with pytest.raises(UntrustedModule):
        load_trained(run / "model.zip")
    assert MODULE not in sys.modules


def test_a_report_shows_such_a_run_without_episodes_beside_others(
    run: Path, small_report: SmallReport
) -> None:
    shutil.copytree(small_report.runs / "seed1", run.parent / "anne")  # sorted before the stranger's
    set_env(run.parent / "anne", FOREIGN)
    assert report([str(run.parent), "--episodes", "1"]) == 0
    [player] = embedded_in(run.parent / "report.html")["players"]
    assert "--trust-env-module" in player["reason"]
    assert MODULE not in sys.modules


def test_the_flag_imports_the_module(run: Path) -> None:
    assert enjoy([str(run), "--headless", "--episodes", "1", "--trust-env-module"]) == 0
    assert MODULE in sys.modules
    del sys.modules[MODULE]
    assert report([str(run), "--episodes", "1", "--trust-env-module"]) == 0
    assert MODULE in sys.modules and "stops" in embedded_in(run / "report.html")["players"][0]
    assert load_trained(run, trust_env_module=True).env_id == FOREIGN
    assert parse(["--resume", str(run), "--trust-env-module"]).run.env == FOREIGN


def test_an_environment_that_was_typed_is_served(run: Path) -> None:
    assert load_trained(run, env_id=ENV).env_id == ENV
    assert enjoy([str(run), "--headless", "--episodes", "1", "--env", FOREIGN]) == 0
    assert parse(["--resume", str(run), "--env", FOREIGN]).run.env == FOREIGN


def test_the_own_module_is_no_foreign_one(run: Path) -> None:
    set_env(run, f"memory_envs:{ENV}")
    assert enjoy([str(run), "--headless", "--episodes", "1"]) == 0
    assert parse(["--resume", str(run)]).run.env == ENV


def test_a_run_of_a_module_trains_and_says_how_to_go_on(
    run: Path, tmp_path: Path, no_report: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, kwargs = tmp_path / "own", json.dumps({"size": 5, "view_size": 1, "max_episode_steps": 20})
    task = ["--env", FOREIGN, "--env-kwargs", kwargs, "--num-envs", "4", "--unroll-length", "8"]
    assert train([*task, *SMALL, "--total-timesteps", "32", "--run-dir", str(folder)]) == 0
    assert "trust" not in (folder / "config.json").read_text()
    assert train(["--resume", str(folder), "--total-timesteps", "64"]) == 2
    assert train(["--resume", str(folder), "--total-timesteps", "64", "--trust-env-module"]) == 0


def test_commands_that_a_run_prints_have_the_flag(run: Path) -> None:
    settings = parse(["--env", FOREIGN]).run
    assert resume_command(RunDirectory(run), settings).endswith(f"--resume {run} --trust-env-module")
    settings = parse(["--env", ENV, "--engine", "ray", "--ray-address", "host:1"]).run
    assert resume_command(RunDirectory(run), settings).endswith(f"--resume {run} --ray-address host:1")
    assert resume_command(RunDirectory(run), parse(["--env", ENV]).run).endswith(f"--resume {run}")


def test_a_configuration_cannot_trust_itself(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    config["run"]["trust_env_module"] = True
    (run / "config.json").write_text(json.dumps(config))
    assert train(["--resume", str(run)]) == 2
    assert enjoy([str(run), "--headless", "--episodes", "1"]) == 2
    assert MODULE not in sys.modules


def test_a_model_card_names_no_module(tmp_path: Path) -> None:
    copied = Path(shutil.copytree(SHIPPED, tmp_path / "actors"))
    card = copied / "imaze/ald.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"env": FOREIGN}))
    with pytest.raises(CheckpointError, match=MODULE):
        pretrained.read_card("imaze/ald", copied)


def test_a_cluster_that_a_run_folder_names_is_not_joined(
    small_report: SmallReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Objects of another cluster are pickles, which may run anything."""
    folder: Path = shutil.copytree(small_report.runs / "seed0", tmp_path / "stranger")
    config = json.loads((folder / "config.json").read_text())
    config["run"] |= {"engine": "ray", "ray_address": "203.0.113.5:6379"}
    (folder / "config.json").write_text(json.dumps(config))
    assert train(["--resume", str(folder)]) == 2
    assert "--ray-address 203.0.113.5:6379" in capsys.readouterr().err
    given = parse(["--resume", str(folder), "--ray-address", "203.0.113.5:6379"])
    assert given.run.ray_address == "203.0.113.5:6379"
