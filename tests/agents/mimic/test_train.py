"""The program, and what others make of the run that it leaves behind."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from agents import train as training
from agents.ald import ALD
from agents.benchmark.__main__ import main as benchmark
from agents.enjoy.__main__ import main as enjoy
from agents.export.__main__ import main as export
from agents.mimic.train import main
from agents.report.__main__ import main as report
from agents.report.roles import tracers
from agents.results import acting
from agents.runs import finishing
from agents.runs.log import FRAMES, read_rows
from agents.runs.trained import begin_with, load_model
from tests.support.small_run import SMALL as SMALL_ALD
from tests.support.trees import same

SMALL = 'MemoryEnvs/IMaze-7x7-v0 {"max_episode_steps": 30}'
LARGE = 'MemoryEnvs/IMaze-v0 {"max_episode_steps": 30}'
TINY = ("--unroll-length", "8", "--actor-hidden-size", "8", "--distillation-steps", "2", "--num-envs", "3")
TINY += ("--num-threads", "1", "--evaluation-episodes", "2", "--device", "cpu", "--log-every", "1")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run in two mazes, without pictures and searches that take longer than training."""
    folder = tmp_path_factory.mktemp("mimic") / "run"
    with pytest.MonkeyPatch.context() as patch:
        for picture in ("save_curve", "_record"):
            patch.setattr(finishing, picture, lambda *arguments: None)
        patch.setattr(acting, "ROUNDS", 1)
        patch.setattr(acting, "STEPS", 1)
        teach = ["--teachers", "perfect_memory", "optimal", "--tasks", SMALL, LARGE, "--temperature", "0.5"]
        assert main([*teach, *TINY, "--run-dir", str(folder), "--total-timesteps", "72"]) == 0
        yield folder


def test_a_run_says_who_taught_what(run: Path) -> None:
    config = json.loads((run / "config.json").read_text())
    assert config["agent"] == "mimic"
    assert config["config"]["teachers"] == ["perfect_memory", "optimal"]
    assert config["config"]["tasks"] == [SMALL, LARGE]
    assert config["config"]["temperature"] == 0.5
    assert config["run"]["env"] == "MemoryEnvs/IMaze-7x7-v0"
    assert json.loads(config["run"]["env_kwargs"]) == {"max_episode_steps": 30}
    assert "distillation/cross_entropy" in read_rows(run / "progress.csv")[-1]


def test_it_is_resumed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert training.main(["--resume", str(run), "--total-timesteps", "96"]) == 0
    assert int(read_rows(run / "progress.csv")[-1][FRAMES]) == 96
    assert "new episodes start" in " ".join(capsys.readouterr().out.split())


def test_it_is_watched_elsewhere_and_collected(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = ["--env", "MemoryEnvs/IMaze-21x21-v0", "--headless", "--episodes", "1"]
    assert enjoy([str(run), *elsewhere]) == 0
    assert benchmark(["collect", str(run.parent), "--out", str(tmp_path / "data")]) == 0
    assert "1 runs in" in capsys.readouterr().out


def test_it_is_reported_without_values(run: Path, tmp_path: Path) -> None:
    assert report([str(run), "--out", str(tmp_path / "page.html"), "--episodes", "1"]) == 0
    assert "what its teachers would have done" in (tmp_path / "page.html").read_text()
    tracer, model = tracers(load_model(run))["agent"], load_model(run)
    tracer.step(model.observation_space.sample())
    assert tracer.trace().value is None and tracer.trace().hidden is not None


@pytest.mark.slow
def test_its_actor_is_exported(run: Path, tmp_path: Path) -> None:
    assert export([str(run), "--out", str(tmp_path / "actor.onnx")]) == 0


def test_ald_begins_with_a_student_and_a_student_with_an_actor_of_ald(run: Path, tmp_path: Path) -> None:
    ald, student = str(tmp_path / "ald"), str(tmp_path / "student")
    task = ["--env", "MemoryEnvs/IMaze-7x7-v0", "--env-kwargs", '{"max_episode_steps": 30}']
    begin = [*task, *SMALL_ALD, "--actor-hidden-size", "8", "--total-timesteps", "32"]
    assert training.main([*begin, "--trained-agent", str(run), "--run-dir", ald]) == 0
    config = json.loads(Path(ald, "config.json").read_text())
    assert config["sessions"][0]["begins_with"]["file"] == str(run / "model.zip")
    more = ["--total-timesteps", "24", "--trained-agent", ald, "--run-dir", student]
    assert main([*task, *TINY, *more]) == 0
    assert not same(load_model(ald).policy.state_dict(), load_model(run).policy.state_dict())


def test_only_the_policy_of_another_agents_model_is_taken(run: Path) -> None:
    model = ALD("LstmPolicy", "MemoryEnvs/IMaze-7x7-v0", actor_hidden_size=8, seed=1, device="cpu")
    before = copy.deepcopy({**model.get_parameters(), "policy": None})
    begin_with(model, run)
    assert same(model.policy.state_dict(), load_model(run).policy.state_dict())
    assert same({**model.get_parameters(), "policy": None}, before)


def test_no_module_is_imported_because_a_run_names_a_task_of_it(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = json.loads((run / "config.json").read_text())
    config["config"]["tasks"] = [SMALL, "innocent:MemoryEnvs/IMaze-v0"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["--resume", str(tmp_path)]) == 2
    assert "the module 'innocent' would be imported" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--teachers", "perfect_mmory", "--tasks", SMALL], "did you mean 'perfect_memory'?"),
        (["--tasks", SMALL, "MemoryEnvs/MetaFetch-v0"], "tasks must have one observation_space"),
        (["--tasks", SMALL, "--env", "MemoryEnvs/IMaze-v0"], "--env must be one of --tasks"),
        (
            ["--tasks", SMALL, LARGE, "--num-envs", "1"],
            "--num-envs must be at least the number of --tasks, 2",
        ),
        (["--tasks", SMALL, "--teachers", "meta-fetch/vtrace-lstm"], "does not fit its task"),
        (["--env", "CartPole-v1"], "plays vector environments of memory_envs alone"),
        (["--tasks", SMALL, "--teachers", "optimal", "random"], "teachers must be one name"),
        (["--tasks", "MemoryEnvs/IMaze-v1"], "MemoryEnvs/IMaze"),
        (["--preset", "imaze/ald"], "--agent mimic contradicts --preset imaze/ald"),
        ([], "nothing to train on"),
        (["--resume", "nowhere"], "nowhere is not a run directory"),
        (["--tasks", SMALL, "--engine", "ray"], "--engine ray does not run the agent 'mimic'"),
    ],
)
def test_what_cannot_be_taught_is_refused_before_a_folder_is_made(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--run-dir", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("error: ")
    assert not (tmp_path / "run").exists()


def test_help_names_the_settings_of_a_student(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--teachers", "--tasks", "--temperature"))
