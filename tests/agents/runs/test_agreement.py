"""A configuration that says something else than the model beside it is refused by whatever reads both."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.benchmark.__main__ import main as benchmark
from agents.enjoy.__main__ import main as enjoy
from agents.export.__main__ import main as export
from agents.report.__main__ import main as report
from agents.runs.trained import load_model, load_trained
from agents.train import main as train
from tests.support.small_report import SmallReport, embedded_in
from tests.support.small_run import resume, run_small

CONTRADICTIONS: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "gamma": (("config", "gamma"), 0.5, "gamma is 0.5 instead of 0.99"),
    "a width": (("config", "learner_width"), 8, "learner_width is 8 instead of 16"),
    "a choice": (("config", "rl_loss"), "vtrace", "rl_loss is 'vtrace' instead of 'vmpo'"),
    "the seed": (("run", "seed"), 5, "seed is 5 instead of 0"),
    "lanes": (("run", "num_envs"), 8, "num_envs is 8 instead of 4"),
    "the policy": (("run", "policy"), "GTrXLPolicy", "policy is 'GTrXLPolicy' instead of 'LstmPolicy'"),
    "the agent": (("agent",), "vmpo", "agent is 'vmpo' instead of 'ald'"),
}
DOORS: dict[str, Callable[[Path], int]] = {
    "resume": lambda run: resume(run, "--total-timesteps", "1280"),
    "enjoy": lambda run: enjoy([str(run), "--headless", "--episodes", "1"]),
    "enjoy a file": lambda run: enjoy([str(run / "model.zip"), "--headless", "--episodes", "1"]),
    "export": lambda run: export([str(run), "--out", str(run / "actor.onnx")]),
    "collect": lambda run: benchmark(["collect", str(run.parent), "--out", str(run.parent / "raw")]),
    "begin": lambda run: run_small(run.parent / "new", 2, "--trained-agent", str(run)),
}


@pytest.fixture
def run(small_report: SmallReport, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_report.runs / "seed0", tmp_path / "runs" / "changed"))


def contradict(run: Path, place: tuple[str, ...], value: Any) -> None:
    config = content = json.loads((run / "config.json").read_text())
    for name in place[:-1]:
        content = content[name]
    content[place[-1]] = value
    (run / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_every_setting_is_compared(run: Path, what: str) -> None:
    place, value, message = CONTRADICTIONS[what]
    load_trained(run)
    contradict(run, place, value)
    for load in (load_trained, load_model):
        with pytest.raises(ValueError, match=r"config\.json contradicts .*model\.zip") as refusal:
            load(run)
        assert message in str(refusal.value)


@pytest.mark.parametrize("door", DOORS)
def test_every_program_that_reads_both_refuses(
    run: Path, door: str, capsys: pytest.CaptureFixture[str]
) -> None:
    contradict(run, ("config", "gamma"), 0.5)
    assert DOORS[door](run) == 2
    assert "gamma is 0.5 instead of 0.99" in capsys.readouterr().err


def test_a_report_says_so_and_shows_no_episodes(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the page or beside it, where paths may be told."""
    contradict(run, ("config", "gamma"), 0.5)
    assert report([str(run), "--episodes", "1"]) == 0
    [player] = embedded_in(run / "report.html")["players"]
    assert "episodes" not in player
    assert "gamma is 0.5 instead of 0.99" in player["reason"] + capsys.readouterr().out


def test_lanes_of_foreign_environments_are_compared_too(
    tmp_path: Path, no_report: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whose episodes cannot be resumed, so that nothing else would notice."""
    task = ("--agent", "ppo", "--env", "CartPole-v1", "--num-envs", "2", "--n-steps", "8")
    more = ("--batch-size", "8", "--n-epochs", "1", "--device", "cpu", "--net-arch", "8")
    folder = tmp_path / "cart"
    assert train([*task, *more, "--total-timesteps", "32", "--run-dir", str(folder)]) == 0
    contradict(folder, ("run", "num_envs"), 3)
    assert resume(folder, "--total-timesteps", "64") == 2
    assert "num_envs is 3 instead of 2" in capsys.readouterr().err
    contradict(folder, ("run", "num_envs"), 2)
    assert resume(folder, "--total-timesteps", "64") == 0
