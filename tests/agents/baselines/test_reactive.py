"""Reactive policies are trained without memory, exported as they act, and stored when they are better."""

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy

from agents.baselines import reactive
from agents.vec_env.make import make_lanes
from memory_envs.policies.reactive import ReactivePolicy, entry_name
from memory_envs.rules import meta_fetch

FETCH = "MemoryEnvs/MetaFetch-v0"
SMALL = {"size": 5, "num_objects": 2, "view_size": 3}

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def few(monkeypatch):
    """Small rollouts, and an evaluation in few episodes."""
    monkeypatch.setattr(reactive, "LANES", 64)
    monkeypatch.setattr(reactive, "_EPISODES", 200)


def test_training_improves_and_what_is_exported_acts_as_what_was_trained(few):
    config = meta_fetch.configure(**SMALL)
    models = [reactive.trained(FETCH, SMALL, rollouts, units=16, seed=0) for rollouts in (1, 20)]
    policies = [reactive.exported(model, config) for model in models]
    first, last = (reactive.mean_return(config, policy) for policy in policies)
    assert last.lower > 2 * first.upper
    lanes = make_lanes(FETCH, 64, SMALL)
    observations = lanes.reset()
    expected = models[1].policy.get_distribution(torch.as_tensor(observations)).distribution.probs
    np.testing.assert_allclose(policies[1].probabilities(observations), expected.detach(), atol=1e-5)
    played, _ = evaluate_policy(models[1], lanes, n_eval_episodes=64, deterministic=False)
    assert played == pytest.approx(last.mean, abs=4 * last.margin)


def test_objects_that_are_not_in_the_room_have_no_weights(few):
    config = meta_fetch.configure(**SMALL)
    policy = reactive.exported(reactive.trained(FETCH, SMALL, 1, units=4, seed=0), config)
    tiles = policy.seeing[:-2].reshape(9, meta_fetch.NUM_TILES, 4)
    assert (tiles[:, meta_fetch.OBJECT + 2 :] == 0).all() and (tiles[:, : meta_fetch.OBJECT + 2] != 0).all()


@pytest.mark.parametrize("better", [True, False])
def test_the_command_stores_a_network_that_earns_more_and_no_other(few, better, monkeypatch, capsys):
    stored = []
    monkeypatch.setattr(reactive, "save", lambda path, name, policy: stored.append((path.name, name)))
    if better:  # than one that turns left for ever
        still = ReactivePolicy(np.zeros((202, 1)), np.array([[0, 0, 0], [99, 0, 0]]))
        monkeypatch.setattr(reactive, "shipped", lambda config: still)
    reactive.main([FETCH, "--rollouts", "1", "--units", "4"])
    assert capsys.readouterr().out.count(" +- ") == 2
    assert stored == ([("reflexes.npz", entry_name(meta_fetch.configure()))] if better else [])


def test_an_id_of_another_task_is_refused(capsys):
    with pytest.raises(SystemExit):
        reactive.main(["MemoryEnvs/IMaze-v0"])
    assert "ID must be a room of Meta-Fetch, got MemoryEnvs/IMaze-v0" in capsys.readouterr().err
