"""Every program on every kind of run: observations, agents, environments of this package and of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agents.benchmark.__main__ import main as benchmark
from agents.enjoy.__main__ import main as enjoy
from agents.export.__main__ import main as export
from agents.report import episodes
from agents.report.__main__ import main as report
from agents.results import acting
from agents.runs import finishing
from agents.runs.log import FRAMES, read_rows
from agents.train import main as train
from tests.support import foreign

UNROLLS = ("--unroll-length", "8", "--replay-size", "3", "--learner-replays", "1", "--learner-layers", "1")
UNROLLS += (
    "--learner-width",
    "8",
    "--learner-heads",
    "2",
    "--learner-mlp-width",
    "8",
    "--learner-memory",
    "4",
)
ROLLOUTS = ("--n-steps", "8", "--batch-size", "16", "--n-epochs", "1", "--net-arch", "8")
MAZE = {"size": 7, "max_episode_steps": 12}


class Agent(NamedTuple):
    """How the training program is told of a small agent: by kind of observation, its policy."""

    name: str
    options: Sequence[str]
    plain: str
    picture: str
    parts: str
    exports: bool = False

    def policy(self, kind: str) -> str:
        """Its policy for a kind of observation."""
        return self.parts if kind == "Parts" else self.picture if kind in ("Picture", "rgb") else self.plain


AGENTS = {
    agent.name: agent
    for agent in (
        Agent(
            "ald",
            (*UNROLLS, "--actor-hidden-size", "8", "--distillation-steps", "2"),
            *("LstmPolicy", "LstmPolicy", "LstmPolicy"),
            exports=True,
        ),
        Agent("vmpo", (*UNROLLS, "--rl-loss", "vtrace"), "LstmPolicy", "GTrXLPolicy", "AsymmetricPolicy"),
        Agent("ppo", ROLLOUTS, "MlpPolicy", "CnnPolicy", "MultiInputPolicy"),
        Agent(
            "recurrent-ppo",
            (*ROLLOUTS, "--lstm-hidden-size", "8"),
            *("MlpLstmPolicy", "CnnLstmPolicy", "MultiInputLstmPolicy"),
            exports=True,
        ),
        Agent("random", ("--n-steps", "8"), "RandomPolicy", "RandomPolicy", "RandomPolicy"),
    )
}
NATIVE = {
    "onehot": {},
    "tiles": {"observation": "tiles"},
    "rgb": {"observation": "rgb"},
    "float32": {"dtype": "float32"},
}
# What is tried each time; the slow tests try all.
QUICK = {("ald", "Parts"), ("ald", "rgb"), ("ppo", "Choice"), ("random", "Picture")}
CASES = [
    pytest.param(
        (agent, kind), marks=[] if (agent, kind) in QUICK else pytest.mark.slow, id=f"{agent}-{kind}"
    )
    for agent in AGENTS
    for kind in (*NATIVE, *foreign.KINDS)
]


class Trained(NamedTuple):
    """A small run, with how it was asked for."""

    agent: Agent
    kind: str
    env: str
    options: list[str]
    folder: Path

    @property
    def is_native(self) -> bool:
        """Whether its environment is of this package."""
        return self.kind in NATIVE


@pytest.fixture(scope="module")
def quick_pictures() -> Any:
    """Without pictures and searches that take longer than training."""
    with pytest.MonkeyPatch.context() as patch:
        for picture in ("save_curve", "_record"):
            patch.setattr(finishing, picture, lambda *arguments: None)
        patch.setattr(episodes, "ATTEMPTS", 2)
        patch.setattr(acting, "ROUNDS", 1)
        patch.setattr(acting, "STEPS", 1)
        yield


@pytest.fixture(scope="module", params=CASES)
def trained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, quick_pictures: Any
) -> Trained:
    name, kind = request.param
    agent, folder = AGENTS[name], tmp_path_factory.mktemp("programs") / "run"
    env, settings = (
        ("MemoryEnvs/IMaze-v0", MAZE | NATIVE[kind]) if kind in NATIVE else (f"Foreign/{kind}-v0", {})
    )
    options = ["--agent", name, "--policy", agent.policy(kind), "--env", env, *agent.options]
    options += ["--env-kwargs", json.dumps(settings), "--num-envs", "2", "--num-threads", "1"]
    options += ["--evaluation-episodes", "3", "--device", "cpu", "--log-every", "1"]
    assert train([*options, "--run-dir", str(folder), "--total-timesteps", "96"]) == 0
    return Trained(agent, kind, env, options, folder)


def test_training_ends_with_an_evaluation_and_a_curve(trained: Trained) -> None:
    evaluations = json.loads((trained.folder / "evaluation.json").read_text())
    assert {name: each["episodes"] for name, each in evaluations.items()} == {
        "sampled": 3,
        "deterministic": 3,
    }
    assert int(read_rows(trained.folder / "progress.csv")[-1][FRAMES]) == 96


def test_it_is_resumed_and_begun_from(trained: Trained, tmp_path: Path) -> None:
    begun = [*trained.options, "--run-dir", str(tmp_path / "begun"), "--total-timesteps", "32"]
    assert train([*begun, "--trained-agent", str(trained.folder)]) == 0
    assert train(["--resume", str(tmp_path / "begun"), "--total-timesteps", "64"]) == 0
    assert int(read_rows(tmp_path / "begun" / "progress.csv")[-1][FRAMES]) == 64


@pytest.mark.parametrize("view", ["--headless", "--gif", "--ansi"])
def test_it_is_watched_and_evaluated(
    view: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = [str(tmp_path / "shown.gif")] if view == "--gif" else []
    status = enjoy([str(trained.folder), view, *file, "--episodes", "2"])
    shown = capsys.readouterr()
    if view == "--ansi" and not trained.is_native:
        assert status == 2 and shown.err.count("\n") == 1 and "renders rgb_array, not ansi" in shown.err
    else:
        assert status == 0 and "over 2 episodes" in shown.out.splitlines()[-1]


def test_its_actor_is_exported_and_timed_or_refused_in_a_sentence(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = export([str(trained.folder), "--out", str(tmp_path / "actor.onnx")])
    shown = capsys.readouterr()
    if trained.agent.exports:
        assert status == 0 and "agree over" in shown.out
    else:
        assert status == 2 and shown.err.count("\n") == 1
        assert "model must be a RecurrentActorCriticPolicy" in shown.err


def test_it_is_reported(trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert report([str(trained.folder), "--out", str(page), "--episodes", "1"]) == 0
    text = page.read_text(encoding="utf-8")
    assert ("cannot be drawn" in text) != trained.is_native
    capsys.readouterr()


def test_it_is_collected_drawn_and_timed(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    assert benchmark(["collect", str(trained.folder.parent), "--out", str(data)]) == 0
    assert "1 runs in" in capsys.readouterr().out
    assert len((data / "acting.csv").read_text().splitlines()) == 3
    assert benchmark(["figures", str(data)]) == 0
    assert report([str(data), "--out", str(tmp_path / "page.html")]) == 0
