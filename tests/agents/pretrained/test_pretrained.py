"""The actors that ship: they do what their cards say, come with the package, are made of presets' runs."""

import contextlib
import dataclasses
import json
import pickle
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from setuptools import Distribution
from stable_baselines3.common.evaluation import evaluate_policy

from agents import pretrained
from agents.evaluation.episodes import evaluate
from agents.pretrained import __main__ as command
from agents.pretrained.publish import publish
from agents.pretrained.store import SHIPPED
from agents.runs import finishing
from agents.runs.trained import load_model
from agents.sb3.checkpoint import CheckpointError
from agents.train import main as train
from agents.vec_env.make import make_lanes
from registry.presets import PRESETS, Preset
from tests.support import ROOT

NAMES = pretrained.names()
SIZES = {"learner_layers": 1, "learner_width": 16, "learner_mlp_width": 16, "learner_memory": 8}
MAZE = {"size": 5, "view_size": 1}
TINY = {
    "ald": Preset("tiny/ald", "ald", "MemoryEnvs/IMaze-v0", 160, 2, "a test", "LstmPolicy", MAZE, SIZES),
    "vmpo": Preset("tiny/vmpo", "vmpo", "MemoryEnvs/IMaze-v0", 160, 2, "a test", "GTrXLPolicy", MAZE, SIZES),
}


@pytest.mark.parametrize("name", NAMES)
def test_actors_that_ship_do_what_their_cards_say(name, one_thread):
    card, actor = pretrained.read_card(name), pretrained.load(name)
    with contextlib.closing(make_lanes(card.env, 64, card.env_kwargs)) as lanes:
        played = evaluate(actor, lanes, 200, deterministic=True, seed=1)
    said = card.evaluation["deterministic"]
    assert played.mean_return.high >= said["mean_return"]["low"]
    if name.startswith("imaze"):
        assert played.success.mean >= 0.99 and said["success"]["mean"] >= 0.99


@pytest.mark.parametrize("name", NAMES)
def test_actors_that_ship_are_small_and_say_how_they_were_made(name):
    card, preset = pretrained.read_card(name), PRESETS[name]
    assert (card.name, card.agent, card.env) == (name, preset.agent, preset.env)
    assert {way: each["episodes"] for way, each in card.evaluation.items()} == {
        "sampled": 1000,
        "deterministic": 1000,
    }
    assert f"--preset {name} --seed {card.training['seed']}" in card.training["command"]
    parameters = sum(each.numel() for each in pretrained.load(name).state_dict().values())
    assert (SHIPPED / f"{name}.safetensors").stat().st_size < 4 * parameters + 4096  # and a header
    assert parameters < (12_000 if name.startswith("imaze") else 171_000)


def test_evaluate_policy_of_sb3_takes_an_actor():
    lanes = make_lanes("MemoryEnvs/IMaze-v0", 4)
    lanes.seed(0)
    mean_return, _ = evaluate_policy(pretrained.load("imaze/ald"), lanes, n_eval_episodes=8)
    assert mean_return == 1.0


def test_loading_needs_no_network_and_no_pickle(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("it was asked for")

    for owner, name in ((socket, "socket"), (pickle, "load"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(owner, name, refuse)
    assert pretrained.load("imaze/ald").observation_space.shape == (54,)


def test_wheels_hold_every_file(monkeypatch):
    """Asks setuptools which files belong to the package."""
    monkeypatch.chdir(ROOT)
    distribution = Distribution()
    distribution.parse_config_files(["setup.cfg"])
    build = distribution.get_command_obj("build_py")
    build.ensure_finalized()
    held = {Path(source, file).resolve() for _, source, _, files in build.data_files for file in files}
    lying = {path for path in SHIPPED.rglob("*") if path.is_file()}
    assert lying and lying <= held


@pytest.fixture
def copied(tmp_path):
    """The actors of the package, where they may be damaged."""
    return Path(shutil.copytree(SHIPPED, tmp_path / "actors"))


def test_other_weights_than_the_card_describes_are_refused(copied):
    weights = copied / "imaze/ald.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=r"ald\.safetensors is damaged, or not the file that its model card"
    ):
        pretrained.load("imaze/ald", folder=copied)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "something"}, "does not say that its format is"),
        ({"version": 2}, "version must be 1, got 2"),
        ({"colour": "red"}, "missing or unknown: colour"),
        ({"architecture": {"lstm_hidden_size": 16}}, "(?s)make no policy: .*size mismatch"),
        ({"architecture": {"colour": "red"}}, "make no policy: .*colour"),
        ({"policy": "GTrXLPolicy"}, "make no policy: there is no policy 'GTrXLPolicy'"),
        ({"action_space": {"type": "Discrete"}}, "make no policy: space is no description of a Discrete"),
    ],
)
def test_cards_that_make_no_sense_are_refused(copied, changes, message):
    path = copied / "imaze/ald.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(CheckpointError, match=message):
        pretrained.load("imaze/ald", folder=copied)


def test_card_without_weights_and_truncated_card_are_refused(copied):
    (copied / "imaze/ald.safetensors").unlink()
    with pytest.raises(FileNotFoundError):
        pretrained.load("imaze/ald", folder=copied)
    card = copied / "imaze/ald.json"
    card.write_text(card.read_text()[:100])
    with pytest.raises(CheckpointError, match="cannot be read as a model card"):
        pretrained.read_card("imaze/ald", copied)


def test_unknown_names_are_answered_with_those_that_ship():
    with pytest.raises(ValueError, match=r"no pretrained actor 'imaze/adl', did you mean 'imaze/ald'\?"):
        pretrained.load("imaze/adl")


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
    with pytest.raises(FileNotFoundError, match=r"has no model\.zip: the run has not ended"):
        publish(run, tmp_path / "out")


def test_command_without_a_run_lists_what_ships(capsys):
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == NAMES
    assert "success 1.000 over 1000 episodes, trained for 700,000 frames in MemoryEnvs/IMaze-v0" in lines[0]
