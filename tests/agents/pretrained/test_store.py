"""The actors that ship: they do what their cards say, come with the package, and damage is refused."""

import contextlib
import json
import pickle
import shutil
import socket
from pathlib import Path

import pytest
import torch
from setuptools import Distribution
from stable_baselines3.common.evaluation import evaluate_policy

from agents import pretrained
from agents.evaluation.episodes import evaluate
from agents.pretrained.store import SHIPPED
from agents.sb3.checkpoint import CheckpointError
from agents.vec_env.make import make_lanes
from memory_envs.registry.presets import PRESETS
from tests.support import ROOT

NAMES = pretrained.names()


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


def test_an_actor_is_loaded_with_its_environment_or_for_another():
    loaded = pretrained.load_pretrained("imaze/ald")
    assert (loaded.env_id, loaded.env_kwargs) == ("MemoryEnvs/IMaze-v0", {})
    other = pretrained.load_pretrained("imaze/ald", "MemoryEnvs/IMaze-15x15-v0", {"view_size": 3})
    assert (other.env_id, other.env_kwargs) == ("MemoryEnvs/IMaze-15x15-v0", {"view_size": 3})
