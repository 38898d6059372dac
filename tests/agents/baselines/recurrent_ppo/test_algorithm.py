"""FastRecurrentPPO is sb3-contrib's RecurrentPPO."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent import MlpLstmPolicy
from stable_baselines3.common.evaluation import evaluate_policy

from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.baselines.recurrent_ppo.policies import FastLstmPolicy
from tests.support.erratic import KEYED, PICTURE, envs, trained

pytestmark = pytest.mark.usefixtures("one_thread")


CASES = {
    "one environment": ({}, {}, 1),
    "minibatches across environments": ({}, {"batch_size": 25}, 3),
    "whole rollout as one minibatch": ({}, {"batch_size": None}, 3),
    "no episode ends": ({"ends": 0.0, "cut": 0.0}, {"batch_size": 25}, 3),
    "every episode ends at once": ({"ends": 1.0, "cut": 1.0}, {"batch_size": 25}, 3),
    "two layers": ({}, {"policy_kwargs": {"n_lstm_layers": 2}}, 3),
    "no biases": ({}, {"policy_kwargs": {"lstm_kwargs": {"bias": False}}}, 3),
    "shared LSTM": ({}, {"policy_kwargs": {"shared_lstm": True, "enable_critic_lstm": False}}, 3),
    "critic without LSTM": ({}, {"policy_kwargs": {"enable_critic_lstm": False}}, 3),
    "two feature extractors": ({}, {"policy_kwargs": {"share_features_extractor": False}}, 3),
    "values clipped": ({}, {"clip_range_vf": 0.05, "ent_coef": 0.1, "normalize_advantage": False}, 3),
    "stopped early": ({}, {"target_kl": 0.002, "n_epochs": 6, "batch_size": 25, "learning_rate": 5e-3}, 3),
    "other optimizer": ({}, {"policy_kwargs": {"optimizer_class": torch.optim.RMSprop}}, 3),
    "Dict observations": ({"observation_space": KEYED}, {"policy": "MultiInputLstmPolicy"}, 3),
    "pictures": ({"observation_space": PICTURE}, {"policy": "CnnLstmPolicy", "n_steps": 8}, 2),
    "Discrete observations": ({"observation_space": spaces.Discrete(5)}, {}, 3),
    "continuous actions": ({"action_space": spaces.Box(-1.0, 1.0, (2,))}, {}, 3),
    "state-dependent noise": (
        {"action_space": spaces.Box(-1.0, 1.0, (2,))},
        {"use_sde": True, "sde_sample_freq": 4},
        3,
    ),
    "several actions at once": ({"action_space": spaces.MultiDiscrete([3, 2])}, {}, 3),
}


@pytest.mark.parametrize("case", CASES)
def test_same_results_as_sb3_contrib(case):
    env_settings, settings, number = CASES[case]
    theirs = trained(RecurrentPPO, envs(number, **env_settings), **settings)
    ours = trained(FastRecurrentPPO, envs(number, **env_settings), **settings)

    assert_same_rollout(ours.rollout_buffer, theirs.rollout_buffer)
    for name, parameter in theirs.policy.state_dict().items():
        torch.testing.assert_close(ours.policy.state_dict()[name], parameter, atol=2e-5, rtol=1e-3, msg=name)
    assert ours._n_updates == theirs._n_updates
    for key, value in theirs.logger.name_to_value.items():
        if key.startswith("train/"):
            assert ours.logger.name_to_value[key] == pytest.approx(value, rel=1e-3, abs=1e-5), key


def assert_same_rollout(ours, theirs):
    """Ours is [n_steps, n_envs, ...]; theirs was put in order of environments to be read."""

    def flat(array):
        return array.swapaxes(0, 1).reshape(theirs.values.shape[0], *array.shape[2:])

    for name in ("actions", "values", "log_probs", "advantages", "returns"):
        expected = getattr(theirs, name)
        np.testing.assert_allclose(
            flat(getattr(ours, name)).reshape(expected.shape), expected, atol=2e-4, rtol=1e-3, err_msg=name
        )


def test_early_stopping_happens_in_the_case_named_for_it():
    env_settings, settings, number = CASES["stopped early"]
    model = trained(FastRecurrentPPO, envs(number, **env_settings), **settings)
    assert 0 < model._n_updates < 2 * settings["n_epochs"]
    assert model.rollout_buffer.splits, "no draw was left over for the next rollout"


def test_evaluate_policy_runs():
    model = trained(FastRecurrentPPO, envs(), 0)
    returns, lengths = evaluate_policy(
        model, envs(2), n_eval_episodes=4, return_episode_rewards=True, warn=False
    )
    assert len(returns) == len(lengths) == 4


def test_a_saved_model_trains_on_as_if_never_saved(tmp_path):
    model = trained(FastRecurrentPPO, envs(), 96)
    model.save(tmp_path / "model")
    loaded = FastRecurrentPPO.load(tmp_path / "model", env=envs())
    for ours, theirs in zip(loaded.policy.parameters(), model.policy.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    results = []
    for continued in (model, loaded):
        continued.set_env(envs())
        continued.set_random_seed(9)
        continued.learn(96)
        results.append(torch.cat([p.detach().flatten() for p in continued.policy.parameters()]))
    assert torch.equal(*results)


def test_models_that_sb3_contrib_saved_can_be_loaded(tmp_path):
    theirs = trained(RecurrentPPO, envs(), 96)
    theirs.save(tmp_path / "model")
    ours = FastRecurrentPPO.load(tmp_path / "model", env=envs())
    assert isinstance(ours.policy, FastLstmPolicy)
    observation = np.full((3, 3), 0.5, dtype=np.float32)
    np.testing.assert_array_equal(
        ours.predict(observation, deterministic=True)[0], theirs.predict(observation, deterministic=True)[0]
    )
    ours.learn(96)


def test_switches_can_be_learned():
    # sb3-contrib fails on them: it hands their integers to a loss of floats.
    model = trained(FastRecurrentPPO, envs(action_space=spaces.MultiBinary(3)))
    assert model._n_updates == 4


def test_a_policy_of_sb3_contrib_is_exchanged_and_other_classes_are_refused():
    assert isinstance(trained(FastRecurrentPPO, envs(), 0, policy=MlpLstmPolicy).policy, FastLstmPolicy)

    class Other(MlpLstmPolicy):
        pass

    with pytest.raises(ValueError, match="'MlpLstmPolicy'.*got Other"):
        FastRecurrentPPO(Other, envs())


def test_settings_that_cannot_work_are_refused():
    for batch_size in (1, 31):
        with pytest.raises(ValueError, match=f"batch_size={batch_size} "):
            FastRecurrentPPO("MlpLstmPolicy", envs(1), n_steps=32, batch_size=batch_size)
    with pytest.raises(ValueError, match="'bidirectional'"):
        trained(FastRecurrentPPO, envs(), 0, policy_kwargs={"lstm_kwargs": {"bidirectional": True}})
