"""FastRecurrentPPO is sb3-contrib's RecurrentPPO, and faster."""

from __future__ import annotations

import copy
import dataclasses
import re

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.ppo_recurrent import MlpLstmPolicy
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.baselines.recurrent_ppo import training_speed
from agents.baselines.recurrent_ppo.algorithm import FastRecurrentPPO
from agents.baselines.recurrent_ppo.policies import FastLstmPolicy, PlainCategorical
from agents.baselines.recurrent_ppo.sequences import Sequences
from agents.baselines.recurrent_ppo.side_by_side import Branch, side_by_side
from agents.baselines.recurrent_ppo.training_speed import Seconds, Setting
from agents.baselines.recurrent_ppo.update import clip_gradients

pytestmark = pytest.mark.usefixtures("one_thread")

VECTOR = spaces.Box(-1.0, 1.0, (3,))
PICTURE = spaces.Box(0, 255, (36, 36, 3), np.uint8)
KEYED = spaces.Dict({"place": VECTOR, "sign": spaces.Discrete(4), "lights": spaces.MultiBinary(2)})
SMALL = {"lstm_hidden_size": 16, "net_arch": [8]}


class Erratic(gym.Env):
    """Observations of any kind; episodes end, in both ways, when they like."""

    def __init__(self, observation_space=VECTOR, action_space=None, ends=0.1, cut=0.1):
        self.observation_space = observation_space
        self.action_space = spaces.Discrete(3) if action_space is None else action_space
        self.ends, self.cut = ends, cut

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        if seed is not None:
            self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        ends, cut = self.np_random.random(2) < (self.ends, self.cut)
        reward = float(self.np_random.normal() + np.sum(action))
        return self.observation_space.sample(), reward, bool(ends), bool(cut), {}


def envs(number=3, **kwargs):
    # One space object per environment: spaces hold the generator that they sample with.
    return DummyVecEnv([lambda: Erratic(**copy.deepcopy(kwargs))] * number)


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


def trained(algorithm, env, frames=None, *, policy="MlpLstmPolicy", policy_kwargs=None, **kwargs):
    settings = {"n_steps": 16, "batch_size": 24, "n_epochs": 2, "learning_rate": 1e-3} | kwargs
    model = algorithm(
        policy, env, seed=3, device="cpu", policy_kwargs=SMALL | (policy_kwargs or {}), **settings
    )
    return model.learn(2 * model.n_steps * model.n_envs if frames is None else frames)


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


@pytest.mark.parametrize("layers, bias", [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("chance", [0.0, 0.1, 0.6, 1.0])
def test_sequences_in_one_lane_do_not_see_each_other(layers, bias, chance):
    rng = np.random.default_rng(0)
    lstm = torch.nn.LSTM(4, 8, layers, bias=bias)
    starts, fresh = rng.random((2, 50)) < [[chance], [0.7]]
    starts[0] = True
    inputs = torch.randn(50, 4, requires_grad=True)
    sequences = Sequences.laid_out(starts, fresh)
    memory = torch.randn(2, layers, 50, 8)  # what a sequence that begins at a step begins with
    memory[:, :, fresh] = 0.0

    outputs = sequences.run(lstm, inputs, tuple(memory[:, :, sequences.first]))
    pieces = np.split(np.arange(50), np.flatnonzero(starts)[1:])
    expected = torch.cat([lstm(inputs[piece], tuple(memory[:, :, piece[0]]))[0] for piece in pieces])

    torch.testing.assert_close(outputs, expected)
    weights = torch.randn_like(outputs)
    wanted = [inputs, *lstm.parameters()]
    ours = torch.autograd.grad((outputs * weights).sum(), wanted)
    theirs = torch.autograd.grad((expected * weights).sum(), wanted)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_short_sequences_share_lanes():
    starts = np.zeros(200, dtype=bool)
    starts[[0, *range(100, 200, 5)]] = True  # one of 100 steps and 20 of 5
    steps, lanes = Sequences.laid_out(starts, np.ones(200, dtype=bool)).shape
    assert steps * lanes < 250, "padding to the longest would take 2100 places"


def test_sequences_that_carry_memory_come_first_in_their_lanes():
    starts = np.ones(6, dtype=bool)
    fresh = np.array([True, False, True, False, True, False])
    assert set(Sequences.laid_out(starts, fresh).first) >= {1, 3, 5}


def test_steps_before_the_first_start_are_refused():
    with pytest.raises(ValueError, match="first step"):
        Sequences.laid_out(np.array([False, True]), np.array([True, True]))


def test_core_states_are_kept_only_where_minibatches_begin():
    model = trained(FastRecurrentPPO, envs(2), n_steps=64, batch_size=32, n_epochs=3)
    kept = model.rollout_buffer.hidden_states_pi
    assert kept.shape[1:] == (1, 16)
    assert 2 < len(kept) <= 2 + 3 * 4 < 2 * 64


@pytest.mark.parametrize(
    "change, complaint", [({"n_epochs": 4}, "fewer epochs"), ({"batch_size": 20}, "another size")]
)
def test_training_otherwise_than_planned_is_refused(change, complaint):
    model = FastRecurrentPPO("MlpLstmPolicy", envs(2, ends=0.0, cut=0.0), n_steps=32, n_epochs=2, seed=0)
    train = model.train

    def changed_train():
        vars(model).update(change)
        train()

    model.train = changed_train
    with pytest.raises(RuntimeError, match=complaint):
        model.learn(64)


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


@pytest.mark.parametrize("longest", [0.1, 100.0])
def test_gradients_are_clipped_as_torch_clips_them(longest):
    ours, theirs = ([torch.nn.Parameter(torch.zeros(size)) for size in (3, 5, 2)] for _ in range(2))
    for mine, other in zip(ours[:2], theirs[:2], strict=True):  # the last one has none
        mine.grad = torch.randn_like(mine)
        other.grad = mine.grad.clone()
    clip_gradients(ours, longest)
    torch.nn.utils.clip_grad_norm_(theirs, longest)
    for mine, other in zip(ours[:2], theirs[:2], strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


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


@pytest.mark.parametrize("extractors_are_shared", [True, False])
def test_two_threads_compute_what_one_does(extractors_are_shared):
    results = []
    for threads in (1, 2):
        model = trained(
            FastRecurrentPPO, envs(), 0, policy_kwargs={"share_features_extractor": extractors_are_shared}
        )
        torch.set_num_threads(threads)
        model.learn(96)
        assert model.policy.two_threads == (threads == 2)
        assert torch.get_num_threads() == threads
        results.append(torch.cat([parameter.detach().flatten() for parameter in model.policy.parameters()]))
    assert torch.equal(*results)


def test_two_threads_give_features_and_frozen_parameters_their_gradients():
    starts = np.arange(40) % 7 == 0
    sequences = Sequences.laid_out(starts, starts)
    lstms = [torch.nn.LSTM(4, 8) for _ in range(2)]
    lstms[0].bias_ih_l0.requires_grad_(False)
    features = torch.randn(40, 4, requires_grad=True)
    state = (torch.zeros(1, sequences.shape[1], 8),) * 2
    learned = [[weight for weight in lstm.parameters() if weight.requires_grad] for lstm in lstms]
    branches = [
        Branch(lambda inputs, lstm=lstm: sequences.run(lstm, inputs, state), features, weights)
        for lstm, weights in zip(lstms, learned, strict=True)
    ]
    wanted = [features, *learned[0], *learned[1]]
    gradients = []
    for pi, vf in (side_by_side(*branches), [branch.run(features) for branch in branches]):
        gradients.append(torch.autograd.grad((pi.sin() + vf**2).sum(), wanted))
    for ours, expected in zip(*gradients, strict=True):
        assert torch.equal(ours, expected)


def test_both_are_timed_in_turn(capsys):
    few = ["--n-steps", "8", "--batch-size", "8", "--n-epochs", "1", "--lstm-hidden-size", "8"]
    training_speed.main([*few, "--rollouts", "3", "--warm-up", "1"])
    *_, wall, cpu = capsys.readouterr().out.splitlines()
    assert wall.startswith("wall  RecurrentPPO ") and cpu.startswith("cpu ")
    theirs, ours, ratio = (float(number) for number in re.findall(r"(?:PPO|ratio) ([\d.]+)", cpu))
    assert theirs > 0 and ours > 0 and ratio > 0


def test_summary_compares_the_same_rollouts():
    theirs = [Seconds(4.0, 8.0), Seconds(1.0, 1.0), Seconds(6.0, 6.0)]
    ours = [Seconds(2.0, 2.0), Seconds(1.0, 1.0), Seconds(2.0, 1.0)]
    wall, cpu = training_speed.summary(theirs, ours).splitlines()
    assert "RecurrentPPO 4.000 s (least 1.000)  FastRecurrentPPO 2.000 s (least 1.000)  ratio 2.00" in wall
    assert "ratio 4.00, 80 % of rollouts from 1.60 to 5.60" in cpu


@pytest.mark.slow
@pytest.mark.parametrize(
    "setting", [Setting(), Setting(num_envs=64, n_steps=20, lstm_hidden_size=128)], ids=["1", "64"]
)
def test_trains_several_times_faster(setting):
    theirs, ours = training_speed.measure(dataclasses.replace(setting, rollouts=4, warm_up=1))
    assert min(each.cpu for each in theirs) / min(each.cpu for each in ours) > 3
