"""Actors are published from finished runs of presets, and act as the models of these."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import pretrained
from agents.pretrained import __main__ as command
from agents.pretrained.publish import publish
from agents.runs import finishing
from agents.runs.trained import load_model
from agents.train import main as train
from memory_envs.registry.presets import PRESETS, Preset

SIZES = {"learner_layers": 1, "learner_width": 16, "learner_mlp_width": 16, "learner_memory": 8}
MAZE = {"size": 5, "view_size": 1}
TINY = {
    "ald": Preset("tiny/ald", "ald", "MemoryEnvs/IMaze-v0", 160, 2, "a test", "LstmPolicy", MAZE, SIZES),
    "vmpo": Preset("tiny/vmpo", "vmpo", "MemoryEnvs/IMaze-v0", 160, 2, "a test", "GTrXLPolicy", MAZE, SIZES),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Finished runs of tiny presets, by agent."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finishing, "save_curve", lambda *arguments: None)
        patch.setattr(finishing, "_record", lambda *arguments: None)
        for agent, preset in TINY.items():
            patch.setitem(PRESETS, preset.name, preset)
            options = ["--run-dir", str(folder / agent), "--num-threads", "1", "--evaluation-episodes", "2"]
            assert train(["--preset", preset.name, "--device", "cpu", *options]) == 0
        yield {agent: folder / agent for agent in TINY}


@pytest.mark.parametrize("agent", TINY)
def test_published_actor_acts_as_the_model_of_its_run(runs, agent, tmp_path):
    card = publish(runs[agent], tmp_path, episodes=2)
    assert (
        pretrained.names(tmp_path) == [f"tiny/{agent}"] and pretrained.read_card(card.name, tmp_path) == card
    )
    assert (card.env_kwargs, card.training["frames"]) == (MAZE, 160)
    assert card.training["command"].startswith(f"python -m agents.train --preset tiny/{agent} --seed 0 ")
    assert card.evaluation["sampled"]["normalized_score"] is None  # no certificate ships for these settings
    model, actor = load_model(runs[agent]), pretrained.load(card.name, folder=tmp_path)
    seen = np.stack([model.observation_space.sample() for _ in range(12)])
    states, first = [None, None], np.ones(12, dtype=bool)
    for _ in range(5):
        chosen = []
        for index, each in enumerate((model, actor)):
            torch.manual_seed(0)
            action, states[index] = each.predict(seen, states[index], first, False)
            chosen.append(action)
        np.testing.assert_array_equal(*chosen)
        for left, right in zip(*states, strict=True):
            np.testing.assert_array_equal(left, right)
        first[:] = False


@pytest.mark.parametrize(
    ("section", "name", "value", "message"),
    [
        ("config", "gamma", 0.5, "gamma is 0.5 instead of 0.99"),
        ("run", "num_envs", 3, "num_envs is 3 instead of 2"),
        ("run", "stop_at_success", 0.9, "stop_at_success is 0.9 instead of None"),
        ("run", "preset", None, "was trained without a preset"),
        ("run", "preset", "tiny/nope", "there is no preset 'tiny/nope'"),
    ],
)
def test_runs_that_are_not_their_presets_are_refused(runs, tmp_path, capsys, section, name, value, message):
    shutil.copytree(runs["ald"], tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    config = json.loads(path.read_text())
    config[section][name] = value
    path.write_text(json.dumps(config))
    assert command.main([str(tmp_path / "run"), "--folder", str(tmp_path / "out")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_runs_that_have_not_ended_are_refused(runs, tmp_path, monkeypatch):
    run = Path(shutil.copytree(runs["ald"], tmp_path / "run"))
    longer = dataclasses.replace(TINY["ald"], total_timesteps=1600)
    monkeypatch.setitem(PRESETS, longer.name, longer)
    config = json.loads((run / "config.json").read_text())
    config["run"]["total_timesteps"] = 1600
    (run / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="was trained for 160 of 1,600 frames"):
        publish(run, tmp_path / "out")
    (run / "model.zip").unlink()
    with pytest.raises(FileNotFoundError, match=r"has no model\.zip: the run is not complete"):
        publish(run, tmp_path / "out")
