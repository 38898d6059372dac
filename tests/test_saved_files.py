"""Files written before the modules got rooms: each is still read, and says what it said then.

`tests/support/saved` holds what was left of six small runs (checkpoints, configurations, logs, replays), an
exported actor and a certificate, and in `actions.json` the greedy actions of each checkpoint over 30 steps,
all written by commit cfea2f4.
"""

import json
import shutil

import gymnasium
import numpy as np
import pytest

import memory_envs
from agents.export.onnx_actor import OnnxActor
from agents.runs.log import FRAMES, read_rows
from agents.runs.trained import load_trained
from agents.train import main as train
from memory_envs.certificate import Certificate
from memory_envs.replay import Replay
from tests.support import ROOT

SAVED = ROOT / "tests" / "support" / "saved"
ACTIONS = json.loads((SAVED / "actions.json").read_text())


def greedy_actions(policy, env_id, env_kwargs):
    env = gymnasium.make_vec(env_id, num_envs=2, **env_kwargs)
    observation, _ = env.reset(seed=7)
    state, start, actions = None, np.ones(2, bool), []
    for _ in range(30):
        action, state = policy.predict(observation, state, start, deterministic=True)
        actions.append(action.tolist())
        observation, _, terminated, truncated, _ = env.step(action)
        start = terminated | truncated
    return actions


# Chance draws its actions anew wherever a model goes on with new episodes.
@pytest.mark.parametrize("name", sorted(ACTIONS.keys() - {"random"}))
def test_a_checkpoint_plays_as_it_did(name):
    trained = load_trained(SAVED / name)
    assert greedy_actions(trained.model, trained.env_id, trained.env_kwargs) == ACTIONS[name]


@pytest.mark.parametrize("name", ACTIONS)
def test_a_run_is_resumed(name, tmp_path, no_report):
    shutil.copytree(SAVED / name, run := tmp_path / name)
    assert train(["--resume", str(run), "--total-timesteps", "2048"]) == 0
    assert int(read_rows(run / "progress.csv")[-1][FRAMES]) == 2048


@pytest.mark.parametrize("name", ACTIONS)
def test_a_replay_is_verified(name):
    Replay.load(SAVED / name / "replay.json").verify()


def test_an_exported_actor_plays_as_its_checkpoint_did():
    trained = load_trained(SAVED / "ald")
    actor = OnnxActor(SAVED / "actor.onnx")
    assert greedy_actions(actor, trained.env_id, trained.env_kwargs) == ACTIONS["ald"]


def test_a_certificate_says_what_it_said():
    certificate = memory_envs.certify("MemoryEnvs/IMaze-7x7-v0").to_json()
    saved = json.loads((SAVED / "certificate.json").read_text())
    assert Certificate.from_json(saved).guessing == Certificate.from_json(certificate).guessing is not None
    saved["guessing"] = saved.pop("chance")  # as it has been called since
    assert Certificate.from_json(saved).to_json() == saved
    # The margin of the verdict has become relative since, so that the first reason reads otherwise.
    # What imitation is worth has been computed since.
    later = {name: certificate.pop(name) for name in ("imitation", "imitation_at_most")}
    assert all(later.values()) and {**certificate, "reasons": saved["reasons"]} == saved
    assert certificate["reasons"][1:] == saved["reasons"][1:]
