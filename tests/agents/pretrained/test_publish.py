"""Actors are published from finished runs of presets, and act as the models of these."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from agents import pretrained
from agents.pretrained import __main__ as command
from agents.pretrained.publish import publish
from agents.pretrained.store import digest, in_8_bits, save
from agents.runs import finishing
from agents.runs.trained import load_model
from agents.sb3.checkpoint import CheckpointError
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


def test_eight_bits_are_a_quarter_as_large_and_act_nearly_alike(runs, tmp_path):
    weights = {}
    for bits in (32, 8):
        folder = tmp_path / str(bits)
        assert command.main([str(runs["ald"]), "--folder", str(folder), "--bits", str(bits)]) == 0
        weights[bits] = pretrained.load("tiny/ald", folder=folder).state_dict()
    full, small = weights[32], weights[8]
    assert full.keys() == small.keys()
    for name, tensor in full.items():
        rows = tensor.flatten(1) if tensor.dim() > 1 else torch.zeros(len(tensor), 1)
        bound = rows.abs().amax(dim=1) / 254  # half of a 127th
        off = (tensor - small[name]).reshape(len(tensor), -1).abs().amax(dim=1)
        assert (off <= bound * (1 + 1e-5)).all(), name
    sizes = [(tmp_path / str(bits) / "tiny/ald.safetensors").stat().st_size for bits in (8, 32)]
    assert sizes[0] < 0.45 * sizes[1]  # an LSTM of 32 units has biases and a header that are not small


def test_weights_of_eight_bits_by_hand():
    weights = {
        "matrix": torch.tensor([[0.5, -1.27, 0.014], [0.0, 0.0, 0.0]]),
        "bias": torch.tensor([0.3, 7.0]),
        "count": torch.tensor([[3]]),
    }
    stored = in_8_bits(weights)
    assert stored["matrix"].tolist() == [[50, -127, 1], [0, 0, 0]]
    torch.testing.assert_close(stored["matrix.scale"], torch.tensor([0.01, 0.0]))
    assert stored["bias"] is weights["bias"] and stored["count"] is weights["count"]


@pytest.mark.parametrize("scale", [None, torch.ones(1), torch.ones(3, 1), torch.ones(3, dtype=torch.int64)])
def test_a_matrix_of_eight_bits_without_its_scales_is_refused(runs, tmp_path, scale):
    card = publish(runs["ald"], tmp_path, episodes=2, bits=8)
    path = tmp_path / "tiny" / "ald.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    name = "action_net.weight"
    assert tensors[name].dtype == torch.int8 and len(tensors[name]) == 3
    del tensors[f"{name}.scale"]
    if scale is not None:
        tensors[f"{name}.scale"] = scale
    content = safetensors.torch.save(tensors)
    save(dataclasses.replace(card, sha256=digest(content)), content, tmp_path)
    with pytest.raises(CheckpointError, match=r"action_net\.weight has 8 bits and must come with a scale"):
        pretrained.load(card.name, folder=tmp_path)


@pytest.mark.parametrize("agent", TINY)
def test_what_a_memory_was_taught_with_does_not_ship(tmp_path, monkeypatch, runs, agent):
    overrides = {**SIZES, "memory_targets": ("known_cue",)}
    taught = dataclasses.replace(TINY[agent], name="tiny/taught", overrides=overrides)
    monkeypatch.setitem(PRESETS, taught.name, taught)
    monkeypatch.setattr(finishing, "save_curve", lambda *arguments: None)
    monkeypatch.setattr(finishing, "_record", lambda *arguments: None)
    options = ["--run-dir", str(tmp_path / "run"), "--num-threads", "1", "--evaluation-episodes", "2"]
    assert train(["--preset", taught.name, "--device", "cpu", *options]) == 0
    card = publish(tmp_path / "run", tmp_path / "out", episodes=2)
    actor, untaught = pretrained.load(card.name, folder=tmp_path / "out"), load_model(runs[agent])
    assert actor.state_dict().keys() == untaught.policy.state_dict().keys()
    assert card.training["settings"]["memory_targets"] == ["known_cue"]


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
