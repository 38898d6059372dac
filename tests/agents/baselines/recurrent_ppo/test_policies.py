"""The fast policy is sb3-contrib's: the same distribution, memory and files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sb3_contrib import RecurrentPPO

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.baselines.recurrent_ppo.policies import FastLstmPolicy, PlainCategorical
from tests.support.erratic import envs, trained

pytestmark = pytest.mark.usefixtures("one_thread")


def test_distribution_equals_torchs():
    logits, actions = torch.randn(6, 4) * 3, torch.tensor([0, 1, 2, 3, 0, 1])
    ours, theirs = (
        PlainCategorical(4).proba_distribution(logits),
        torch.distributions.Categorical(logits=logits),
    )
    torch.testing.assert_close(ours.log_prob(actions), theirs.log_prob(actions))
    torch.testing.assert_close(ours.entropy(), theirs.entropy())
    assert torch.equal(ours.mode(), theirs.mode)
    torch.testing.assert_close(ours.distribution.logits, theirs.logits)
    torch.manual_seed(0)
    drawn = ours.sample()
    torch.manual_seed(0)
    assert torch.equal(drawn, theirs.sample())


def test_predict_carries_its_state_as_sb3_contrib_does():
    ours = trained(FastRecurrentPPO, envs(), 0)
    theirs = trained(RecurrentPPO, envs(), 0)
    observations = np.random.default_rng(0).uniform(-1, 1, (6, 3, 3)).astype(np.float32)
    starts = np.array([[1, 1, 1], [0, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]], dtype=bool)
    state = expected_state = None
    for observation, start in zip(observations, starts, strict=True):
        action, state = ours.predict(observation, state, start, deterministic=True)
        expected, expected_state = theirs.predict(observation, expected_state, start, deterministic=True)
        np.testing.assert_array_equal(action, expected)
        np.testing.assert_allclose(state, expected_state, atol=1e-6)


def test_a_saved_policy_knows_its_lstm(tmp_path):
    kwargs = {"n_lstm_layers": 2, "shared_lstm": True, "enable_critic_lstm": False}
    policy = trained(FastRecurrentPPO, envs(), 0, policy_kwargs=kwargs).policy
    policy.save(tmp_path / "policy.pt")
    loaded = FastLstmPolicy.load(tmp_path / "policy.pt")
    assert (loaded.lstm_actor.num_layers, loaded.lstm_actor.hidden_size, loaded.shared_lstm) == (2, 16, True)
    observation = np.full((3, 3), 0.5, dtype=np.float32)
    np.testing.assert_array_equal(
        loaded.predict(observation, deterministic=True)[0], policy.predict(observation, deterministic=True)[0]
    )
