"""RL Baselines3 Zoo trains, shows and searches our agents, and refuses in a sentence."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from agents.ald import ALD
from agents.vec_env.make import make_lanes
from agents.zoo.__main__ import main
from memory_envs.registry.presets import get_preset
from tests.support import ROOT

needs_zoo = pytest.mark.skipif(
    importlib.util.find_spec("rl_zoo3") is None, reason="the zoo extra is not installed"
)


class Outcome(NamedTuple):
    """What a run of a program left."""

    status: int
    out: str
    error: str


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("zoo")


@pytest.fixture(scope="module")
def runs(logs: Path) -> dict[str, Outcome]:
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + _PROGRAM]
    process = subprocess.run(command, cwd=logs, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return {name: Outcome(*each) for name, each in json.loads(process.stdout.splitlines()[-1]).items()}


_PROGRAM = 'import runpy; runpy.run_module("tests.support.zoo_runs", run_name="__main__")'


def test_without_the_extra_it_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rl_zoo3", None)
    for program in ("train", "enjoy"):
        assert main([program, "--algo", "ald"]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and said.endswith('pip install "memory-envs[zoo]"\n')


@needs_zoo
@pytest.mark.parametrize("algo", ["ald", "fast_recurrent_ppo", "ppo_lstm"])
def test_the_zoo_trains_with_the_hyperparameters_of_the_presets(
    algo: str, runs: dict[str, Outcome], logs: Path
) -> None:
    run = runs[f"train {algo}"]
    folder = logs / "logs" / algo / "MemoryEnvs-IMaze-v0_1"
    assert run.status == 0, run.error
    assert (folder / "MemoryEnvs-IMaze-v0.zip").is_file() and (folder / "0.monitor.csv").is_file()
    setting = "('entropy_coef', 0.05)" if algo == "ald" else "('ent_coef', 0.01)"
    assert setting in run.out


@needs_zoo
def test_other_environments_keep_the_hyperparameters_of_the_zoo(runs: dict[str, Outcome]) -> None:
    run = runs["train ppo"]
    assert run.status == 0, run.error
    assert "('n_epochs', 20)" in run.out  # neither SB3's default nor that of our presets


@needs_zoo
def test_ald_learns_the_same_in_the_zoo_as_by_itself(runs: dict[str, Outcome], logs: Path) -> None:
    """The zoo's lanes are single environments in a loop, ours a compiled vector environment."""
    assert runs["train ald"].status == 0, runs["train ald"].error
    trained = ALD.load(logs / "logs" / "ald" / "MemoryEnvs-IMaze-v0_1" / "MemoryEnvs-IMaze-v0.zip")
    lanes = make_lanes("MemoryEnvs/IMaze-v0", 4, {"size": 7, "max_episode_steps": 12})
    small = {"unroll_length": 10, "learner_replays": 1, "distillation_steps": 1, "replay_size": 2}
    model = ALD("LstmPolicy", lanes, seed=3, **{**get_preset("imaze/ald").overrides, **small})
    before = {name: value.clone() for name, value in model.policy.state_dict().items()}
    model.learn(120)
    assert trained.num_timesteps == 120 and trained.config == model.config
    moved = False
    for name, value in model.policy.state_dict().items():
        torch.testing.assert_close(trained.policy.state_dict()[name], value)
        moved |= not torch.equal(before[name], value)
    assert moved


@needs_zoo
@pytest.mark.parametrize("algo", ["ald", "fast_recurrent_ppo"])
def test_what_was_trained_is_shown(algo: str, runs: dict[str, Outcome]) -> None:
    run = runs[f"enjoy {algo}"]
    assert run.status == 0, run.error
    assert "Loading logs/" in run.out and "Mean episode length" in run.out


@needs_zoo
def test_hyperparameters_are_searched(runs: dict[str, Outcome], logs: Path) -> None:
    run = runs["search ald"]
    assert run.status == 0, run.error
    assert "Number of finished trials:  2" in run.out and "one_minus_gamma" in run.out
    (report,) = (logs / "logs" / "ald").glob("report_*.csv")
    assert len(report.read_text().splitlines()) == 3


@needs_zoo
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no such algorithm", "there is no algorithm 'alt', did you mean 'ald'? (there are 'a2c', "),
        ("no such environment", "Environment `IMaz` doesn't exist in namespace MemoryEnvs. Did you mean"),
        ("no such setting", "ALD has no setting 'learning_rte', did you mean "),
        ("no such size", "size must be an odd integer, from 5 to 255, got 4"),
        ("nothing to enjoy", "The logs/vmpo folder was not found"),
    ],
)
def test_mistakes_are_refused_in_a_sentence(
    name: str, sentence: str, runs: dict[str, Outcome], logs: Path
) -> None:
    run = runs[name]
    assert run.status == 2
    assert run.error.splitlines()[-1].startswith(f"error: {sentence}")
    assert sorted(path.name for path in (logs / "logs" / "ald").glob("MemoryEnvs*"))[1:] in (
        [],
        ["MemoryEnvs-IMaze-v0_2"],  # the search's, which the zoo leaves
    )
