"""A new training that begins with what a trained model knows."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from agents.runs.directory import RunDirectory
from agents.runs.trained import begin_with, load_model
from agents.sb3 import checkpoint
from agents.sb3.algorithm import find_algorithm
from agents.train import main
from tests.support.small_run import ENV, UNROLL, UNROLLS, resume, run_small
from tests.support.trees import same

TWIN = ("--env", ENV, "--env-kwargs", json.dumps({"size": 7, "view_size": 1, "max_episode_steps": 20}))
FEW_OBJECTS, MANY_OBJECTS = "MemoryEnvs/MetaFetch-v0", "MemoryEnvs/MetaFetch-4-v0"
LEARNER = {"learner_layers": 1, "learner_width": 16, "learner_heads": 2, "learner_mlp_width": 16}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "ald": ("LstmPolicy", {"unroll_length": 8, "actor_hidden_size": 8, **LEARNER}),
    "vmpo": ("GTrXLPolicy", {"unroll_length": 8, **LEARNER}),
    "recurrent-ppo": ("MlpLstmPolicy", {"n_steps": 8, "lstm_hidden_size": 8}),
}


def new_model(agent: str, env: str = FEW_OBJECTS, seed: int = 0, **changes: Any) -> Any:
    kind, (policy, settings) = find_algorithm(agent), KINDS[agent]
    return kind(policy, env, kind.config_class(**settings | changes), seed=seed, device="cpu")


@pytest.mark.parametrize("agent", KINDS)
def test_what_was_learnt_is_taken_and_all_else_is_new(agent, tmp_path, one_thread):
    trained, new = new_model(agent), new_model(agent, MANY_OBJECTS, seed=1)
    trained.learn(4 * trained.config.unroll_length)
    trained.save(tmp_path / "model.zip")
    known, fresh = (copy.deepcopy(model.get_parameters()) for model in (trained, new))
    assert all(not same(known[name], fresh[name]) for name in known if "popart" not in name)
    begin_with(new, tmp_path / "model.zip")
    for name, found in new.get_parameters().items():
        assert same(found, (fresh if "optimizer" in name else known)[name]), name
    assert new.num_timesteps == 0
    new.learn(new.config.unroll_length)


@pytest.mark.parametrize(
    ("agent", "env", "changes", "message"),
    [
        ("ald", ENV, {}, "this run has"),
        (
            "ald",
            FEW_OBJECTS,
            {"actor_hidden_size": 16},
            r"these settings differ: actor_hidden_size \(8 there, 16 here\)$",
        ),
        ("vmpo", FEW_OBJECTS, {}, "model of ALD, this run trains VMPO"),
    ],
    ids=["spaces", "sizes", "agent"],
)
def test_what_does_not_fit_is_refused(agent, env, changes, message, tmp_path):
    new_model("ald").save(tmp_path / "model.zip")
    new = new_model(agent, env, seed=1, **changes)
    with pytest.raises(ValueError, match=message):
        begin_with(new, tmp_path / "model.zip")


@pytest.mark.parametrize("agent", KINDS)
def test_a_lone_file_says_what_it_holds(agent, tmp_path):
    new_model(agent).save(tmp_path / "lone.zip")
    assert type(load_model(tmp_path / "lone.zip")) is find_algorithm(agent)


def test_a_file_that_holds_no_model_is_refused(tmp_path):
    checkpoint.save(tmp_path / "other.zip", {"algorithm": "DQN"})
    with pytest.raises(ValueError, match="does not hold a model of ALD, VMPO, RecurrentPPOAgent, PPOAgent"):
        load_model(tmp_path / "other.zip")


def test_a_run_begins_with_another_and_goes_on_as_itself(small_run, tmp_path, no_report):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    begin = ("--trained-agent", str(small_run))
    assert run_small(whole, 8, *begin, task=TWIN) == 0
    assert run_small(parts, 4, *begin, task=TWIN) == 0
    assert resume(parts, "--total-timesteps", str(8 * UNROLL)) == 0
    one, other, without = (load_model(run).get_parameters() for run in (whole, parts, small_run))
    assert same(one, other)  # resuming goes on, rather than beginning once more
    assert not same(one["policy"], without["policy"])
    first, *_ = RunDirectory.open(parts).read_config()["sessions"]
    assert first["begins_with"] == {
        "file": str(small_run / "model.zip"),
        "preset": None,
        "env": ENV,
        "timesteps": UNROLLS * UNROLL,
    }


def test_a_run_of_another_agent_or_none_is_refused(small_run, tmp_path, capsys):
    folder = tmp_path / "run"
    for path, message in (
        (small_run, "model of ALD, this run trains VMPO"),
        (tmp_path / "none", "there is no run"),
    ):
        arguments = ["--agent", "vmpo", "--env", ENV, "--run-dir", str(folder), "--trained-agent", str(path)]
        assert main(arguments) == 2
        assert message in capsys.readouterr().err
        assert not folder.exists()
