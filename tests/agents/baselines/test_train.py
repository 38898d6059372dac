"""The program that trains baselines: presets are trained, interrupted, resumed and watched."""

import json
import os
import signal

import pytest

from agents import train as training
from agents.enjoy.__main__ import main as enjoy
from agents.runs import finishing
from agents.runs.log import read_rows
from agents.runs.progress import TrainingProgress

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("preset", ["imaze/vmpo-gtrxl", "imaze/vmpo-lstm", "imaze/asymmetric"])
def test_presets_train_resume_and_can_be_watched(preset, tmp_path, monkeypatch, capsys):
    for slow in ("save_curve", "_record"):
        monkeypatch.setattr(finishing, slow, lambda *arguments: None)
    folder = tmp_path / "run"
    short = ["--total-timesteps", "64", "--num-envs", "4", "--unroll-length", "8", "--num-threads", "1"]
    tiny = ["--learner-width", "16", "--learner-memory", "4", "--evaluation-episodes", "2"]
    limit = ["--env-kwargs", json.dumps({"max_episode_steps": 20})]
    command = ["--preset", preset, "--run-dir", str(folder), *short, *tiny, *limit]
    assert training.main(command) == 0
    assert training.main(["--resume", str(folder), "--total-timesteps", "128"]) == 0
    config = json.loads((folder / "config.json").read_text())
    assert (config["agent"], config["run"]["preset"]) == ("vmpo", preset)
    assert (folder / "model.zip").exists() and len(read_rows(folder / "progress.csv")) > 0
    assert enjoy([str(folder), "--episodes", "2", "--headless"]) == 0
    assert "over 2 episodes" in capsys.readouterr().out


@pytest.mark.parametrize("agent", ["recurrent-ppo", "ppo", "random"])
def test_presets_of_sb3s_algorithms_are_interrupted_resumed_and_watched(agent, tmp_path, monkeypatch, capsys):
    """A run that is stopped between two rows of its log ends with the same rows as one that is not."""
    pictures = [(finishing, "save_curve"), (finishing, "_record")]
    for module, slow in pictures if agent == "recurrent-ppo" else [(training, "finish")]:
        monkeypatch.setattr(module, slow, lambda *arguments: None)
    rollout = 4 * 8
    short = ["--num-envs", "4", "--n-steps", "8", "--log-every", "2", "--num-threads", "1", "--device", "cpu"]
    tiny = ["--lstm-hidden-size", "8"] if agent == "recurrent-ppo" else []
    limit = ["--env-kwargs", json.dumps({"max_episode_steps": 20}), "--evaluation-episodes", "2"]
    command = ["--preset", f"imaze/{agent}", *short, *tiny, *limit, "--total-timesteps", str(6 * rollout)]
    collected = TrainingProgress._on_rollout_end

    def press(self):
        if self.model.num_timesteps == 3 * rollout:
            os.kill(os.getpid(), signal.SIGINT)
        collected(self)

    assert training.main([*command, "--run-dir", str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(TrainingProgress, "_on_rollout_end", press)
        assert training.main([*command, "--run-dir", str(tmp_path / "run")]) == 130
    assert training.main(["--resume", str(tmp_path / "run")]) == 0
    rows = [timeless(tmp_path / name / "progress.csv") for name in ("whole", "run")]
    assert len(rows[0]) == 3 and rows[0] == rows[1]
    assert "rollout/ep_rew_mean" in rows[0][0]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["agent"], config["config"]["n_steps"]) == (agent, 8)
    assert enjoy([str(tmp_path / "run"), "--episodes", "2", "--headless"]) == 0
    assert "over 2 episodes" in capsys.readouterr().out


def timeless(path):
    kept = ("time/total_timesteps", "time/iterations")
    return [
        {name: value for name, value in row.items() if name in kept or not name.startswith("time/")}
        for row in read_rows(path)
    ]
