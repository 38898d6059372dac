"""SB3's algorithms as agents of this package: settings, files, and that stopping loses nothing."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.baselines import FastRecurrentPPO, PPOAgent, RandomAgent, RecurrentPPOAgent
from agents.sb3 import checkpoint
from tests.support.tiny import CueEnv, Showcase, maze_lanes

pytestmark = pytest.mark.usefixtures("one_thread")

LANES, N_STEPS = 3, 8
ROLLOUT = LANES * N_STEPS
PPO_SETTINGS = {
    "n_steps": N_STEPS,
    "batch_size": 12,
    "n_epochs": 2,
    "net_arch": (8,),
    "final_learning_rate": 1e-5,
}
AGENTS = {
    PPOAgent: ("MlpPolicy", PPO_SETTINGS),
    RecurrentPPOAgent: ("MlpLstmPolicy", PPO_SETTINGS | {"lstm_hidden_size": 8}),
    RandomAgent: ("RandomPolicy", {"n_steps": N_STEPS}),
}


class Interrupted(Exception):
    """What ends training between two rollouts."""


class Interruption(BaseCallback):
    """Saves and stops where a run does: minibatches of the next rollout may be drawn already."""

    def __init__(self, frames, path):
        super().__init__()
        self.frames, self.path = frames, path

    def _on_step(self):
        return True

    def _on_rollout_start(self):
        if self.model.num_timesteps == self.frames:
            self.model.save(self.path)
            raise Interrupted


def small(kind, seed=0, **settings):
    policy, fixed = AGENTS[kind]
    return kind(policy, maze_lanes(LANES), seed=seed, device="cpu", **(fixed | settings))


def outcome(model):
    """What was learned, what is observed, and what the generators draw next; flat."""
    tensors = list(model.policy.state_dict().values())
    for optimizer in model.optimizers().values():
        tensors += [each for entry in optimizer.state_dict()["state"].values() for each in entry.values()]
    tensors += [torch.from_numpy(model._last_obs), torch.rand(3), torch.from_numpy(np.random.random(3))]
    return torch.cat([each.detach().double().flatten() for each in tensors])


@pytest.mark.parametrize("kind", AGENTS)
def test_interrupted_saved_and_loaded_equals_uninterrupted(kind, tmp_path):
    whole = outcome(small(kind).learn(5 * ROLLOUT))
    with pytest.raises(Interrupted):
        small(kind).learn(5 * ROLLOUT, Interruption(2 * ROLLOUT, tmp_path / "half.zip"))
    np.random.seed(9), torch.manual_seed(9)
    loaded = kind.load(tmp_path / "half", env=maze_lanes(LANES), device="cpu", force_reset=False)
    loaded.learn(3 * ROLLOUT, reset_num_timesteps=False)
    assert loaded.num_timesteps == 5 * ROLLOUT
    assert torch.equal(outcome(loaded), whole)


@pytest.mark.parametrize("kind", AGENTS)
def test_other_seeds_give_other_results(kind):
    outcomes = [outcome(small(kind, seed).learn(2 * ROLLOUT)) for seed in (0, 0, 1)]
    assert torch.equal(outcomes[0], outcomes[1]) and not torch.equal(outcomes[0], outcomes[2])


@pytest.mark.parametrize(
    ("agent", "algorithm", "policy"),
    [(PPOAgent, PPO, "MlpPolicy"), (RecurrentPPOAgent, FastRecurrentPPO, "MlpLstmPolicy")],
)
def test_default_settings_are_those_of_the_algorithm(agent, algorithm, policy):
    """All but the lengths of rollouts and minibatches, in which PPO and RecurrentPPO differ."""
    ours = agent(policy, maze_lanes(LANES), device="cpu")
    theirs = algorithm(
        policy, maze_lanes(LANES), device="cpu", n_steps=ours.n_steps, batch_size=ours.batch_size
    )
    for (
        name
    ) in "gamma gae_lambda ent_coef vf_coef max_grad_norm n_epochs normalize_advantage target_kl".split():
        assert getattr(ours, name) == getattr(theirs, name), name
    for name in ("lr_schedule", "clip_range"):
        assert getattr(ours, name)(0.3) == getattr(theirs, name)(0.3), name
    shapes = [{k: v.shape for k, v in model.policy.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]


def test_settings_reach_the_algorithm():
    model = small(RecurrentPPOAgent, learning_rate=1e-2, final_learning_rate=1e-3, ent_coef=0.3, gamma=0.5)
    assert model.lr_schedule(1.0) == 1e-2 and model.lr_schedule(0.0) == pytest.approx(1e-3)
    assert (model.ent_coef, model.gamma, model.n_steps, model.batch_size) == (0.3, 0.5, N_STEPS, 12)
    assert model.policy.lstm_actor.hidden_size == 8
    assert model.policy.value_net.in_features == 8
    shared = small(RecurrentPPOAgent, enable_critic_lstm=False, shared_lstm=True)
    assert shared.policy.lstm_critic is None and shared.policy.shared_lstm


def test_new_episodes_begin_unless_the_saved_ones_are_asked_for(tmp_path):
    small(RecurrentPPOAgent).learn(ROLLOUT).save(tmp_path / "model")
    loaded = RecurrentPPOAgent.load(tmp_path / "model", env=maze_lanes(2), device="cpu")
    assert loaded._last_obs is None and loaded.n_envs == 2
    assert loaded.learn(10, reset_num_timesteps=False).num_timesteps == ROLLOUT + 2 * N_STEPS
    with pytest.raises(ValueError, match="pass an env with as many, got 2"):
        RecurrentPPOAgent.load(tmp_path / "model", env=maze_lanes(2), force_reset=False)
    small(RecurrentPPOAgent).save(tmp_path / "bare", exclude=["environment"])
    with pytest.raises(ValueError, match="not contain the state of its environments"):
        RecurrentPPOAgent.load(tmp_path / "bare", env=maze_lanes(LANES), force_reset=False)


@pytest.mark.parametrize("kind", AGENTS)
def test_a_loaded_model_acts_as_the_saved_one(kind, tmp_path):
    model = small(kind).learn(ROLLOUT)
    model.save(tmp_path / "model.zip", exclude=["replay", "environment"])
    loaded = kind.load(tmp_path / "model.zip", device="cpu")
    observation, actions = maze_lanes(50).reset(), []
    for each in (model, loaded):
        torch.manual_seed(0)
        actions.append(each.predict(observation)[0])
    assert np.array_equal(*actions)
    assert len(evaluate_policy(loaded, maze_lanes(2), 3, return_episode_rewards=True, warn=False)[0]) == 3


def test_files_of_another_kind_are_refused(tmp_path):
    small(PPOAgent).save(tmp_path / "model")
    with pytest.raises(checkpoint.CheckpointError, match="not contain a model of RandomAgent, but of 'PPO"):
        RandomAgent.load(tmp_path / "model")
    tree = checkpoint.load(tmp_path / "model.zip")
    del tree["optimizers"]
    checkpoint.save(tmp_path / "model.zip", tree)
    with pytest.raises(checkpoint.CheckpointError, match="lacks optimizers"):
        PPOAgent.load(tmp_path / "model")
    with pytest.raises(ValueError, match="exclude must be among replay, environment, .* got 'optimizers'"):
        small(PPOAgent).save(tmp_path / "model", exclude=["optimizers"])


def test_unknown_settings_and_policies_are_named():
    with pytest.raises(TypeError, match="PPOAgent has no setting 'gama', did you mean 'gamma'"):
        small(PPOAgent, gama=0.9)
    with pytest.raises(ValueError, match="policy must be one of MlpPolicy, .* got 'MlpLstmPolicy'"):
        PPOAgent("MlpLstmPolicy", maze_lanes(1))


def test_a_vector_env_without_the_bridge_is_refused_with_the_way_out():
    with pytest.raises(TypeError, match="SyncVectorEnv: wrap it in agents.vec_env.GymnasiumVecEnv"):
        PPOAgent("MlpPolicy", SyncVectorEnv([CueEnv]))


class SavedAt(BaseCallback):
    """Saves after every step of the lanes, and at the places where rollouts begin and end."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.places = folder, []

    def save(self, place):
        self.model.save(self.folder / f"{len(self.places)}")
        self.places.append((place, self.model.num_timesteps))

    def _on_training_start(self):
        self.save("training start")

    def _on_rollout_start(self):
        self.save("rollout start")

    def _on_step(self):
        self.save("step")
        return True

    def _on_rollout_end(self):
        self.save("rollout end")

    def _on_training_end(self):
        self.save("training end")


@pytest.mark.parametrize("kind", AGENTS)
def test_what_is_saved_in_the_middle_of_a_rollout_is_not_promised_to_go_on_with_it(kind, tmp_path):
    """As by Stable-Baselines3's CheckpointCallback, which saves after some step."""
    total, saved = 2 * ROLLOUT, SavedAt(tmp_path)
    whole = outcome(small(kind).learn(total, saved))
    assert len(saved.places) == 2 * (N_STEPS + 2) + 2
    for number, (place, frames) in enumerate(saved.places):
        path, env = tmp_path / f"{number}", maze_lanes(LANES)
        if place in ("step", "rollout end"):
            with pytest.raises(ValueError, match="in the middle of a rollout"):
                kind.load(path, env, device="cpu", force_reset=False)
            anew = kind.load(path, env, device="cpu")
            assert anew.num_timesteps == frames
            anew.learn(ROLLOUT, reset_num_timesteps=False)
        else:
            loaded = kind.load(path, env, device="cpu", force_reset=False)
            if place != "training end":
                loaded.learn(total - frames, reset_num_timesteps=False)
            assert torch.equal(outcome(loaded), whole), (place, frames)


def test_a_rollout_that_a_callback_stopped_is_not_gone_on_with_either(tmp_path):
    class Stop(BaseCallback):
        def _on_step(self):
            return self.model.num_timesteps < ROLLOUT + 2 * LANES

    model = small(PPOAgent).learn(3 * ROLLOUT, Stop())
    model.save(tmp_path / "stopped")
    with pytest.raises(ValueError, match="in the middle of a rollout"):
        PPOAgent.load(tmp_path / "stopped", maze_lanes(LANES), device="cpu", force_reset=False)
    model.learn(ROLLOUT)
    model.save(tmp_path / "ended")
    PPOAgent.load(tmp_path / "ended", maze_lanes(LANES), device="cpu", force_reset=False)


@pytest.mark.parametrize("kind", [PPOAgent, RecurrentPPOAgent])
def test_noise_that_depends_on_the_state_is_a_setting(kind, tmp_path):
    policy, settings = AGENTS[kind]
    lanes = [lambda: Showcase(spaces.Box(-1, 1, (3,)), spaces.Box(-1, 1, (2,)))] * 2
    model = kind(policy, DummyVecEnv(lanes), use_sde=True, sde_sample_freq=4, device="cpu", **settings)
    model.learn(32).save(tmp_path / "model")
    loaded = kind.load(tmp_path / "model", DummyVecEnv(lanes), device="cpu")
    assert loaded.use_sde and loaded.sde_sample_freq == 4 and loaded.policy.use_sde
    observation = np.zeros((2, 3), np.float32)
    predictions = [each.predict(observation, deterministic=True)[0] for each in (model, loaded)]
    assert np.array_equal(*predictions)
    loaded.learn(32)
    with pytest.raises(ValueError, match="only be used with continuous actions"):
        small(kind, use_sde=True)
    with pytest.raises(ValueError, match="sde_sample_freq must be at least 1, or -1, got 0"):
        small(kind, sde_sample_freq=0)
