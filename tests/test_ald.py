"""ALD does what users of Stable-Baselines3 expect of a model, in whatever environments they bring."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import SyncVectorEnv
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import KVWriter, Logger
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, CombinedExtractor, NatureCNN
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecEnv,
    VecFrameStack,
    VecNormalize,
    VecTransposeImage,
)
from torch import Tensor, nn

from agents.ald import ALD, ALDConfig
from agents.networks.actor_critic import Core
from agents.policies import LSTMActorPolicy
from agents.unroll import CoreState
from tests.tiny import (
    LANES,
    SETTINGS,
    UNROLL,
    CueEnv,
    Showcase,
    differences,
    everything,
    maze_lanes,
    maze_model,
)

pytestmark = pytest.mark.usefixtures("one_thread")

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (36, 36, 1), np.uint8)
MIXED = spaces.Dict(image=IMAGE, vector=BOX, count=spaces.Discrete(5))


def model(env: Any, seed: int | None = 0, **settings: Any) -> ALD:
    return ALD("LstmPolicy", env, seed=seed, device="cpu", **{**SETTINGS, **settings})


def cue_lanes(lanes: int = LANES) -> VecEnv:
    return DummyVecEnv([lambda: Monitor(CueEnv())] * lanes)


def showcase(observation_space: spaces.Space[Any], lanes: int = 2) -> VecEnv:
    return DummyVecEnv([partial(Showcase, observation_space, spaces.Discrete(3))] * lanes)


class Recorded(BaseCallback):
    """Keeps what a callback can see at each step; stops after some of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__()
        self.stop_after = stop_after
        self.steps: list[dict[str, Any]] = []
        self.events: list[str] = []

    def _on_training_start(self) -> None:
        self.events.append("training start")

    def _on_rollout_start(self) -> None:
        self.events.append("rollout start")

    def _on_step(self) -> bool:
        names = ("infos", "dones", "rewards", "actions", "new_obs", "self")
        self.steps.append({name: self.locals[name] for name in names} | {"counted": self.num_timesteps})
        return self.n_calls != self.stop_after

    def _on_rollout_end(self) -> None:
        self.events.append("rollout end")

    def _on_training_end(self) -> None:
        self.events.append("training end")


class Rows(KVWriter):
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        self.rows.append(dict(key_values))

    def close(self) -> None:
        """Nothing is open."""


# --- Environments ---------------------------------------------------------------------------------

ENVIRONMENTS: dict[str, Callable[[], Any]] = {
    "an id": lambda: "CartPole-v1",
    "one environment": lambda: gymnasium.make("CartPole-v1"),
    "DummyVecEnv": cue_lanes,
    # Processes that are spawned import torch before they begin, which takes longer than all the rest.
    "SubprocVecEnv": lambda: SubprocVecEnv([CueEnv] * 2, start_method="fork"),
    "VecNormalize": lambda: VecNormalize(showcase(BOX)),
    "VecFrameStack": lambda: VecFrameStack(showcase(BOX), 3),
    "stacked images": lambda: VecFrameStack(showcase(IMAGE), 2),
    "GymnasiumVecEnv": maze_lanes,
    "float64": lambda: showcase(spaces.Box(-1, 1, (2, 2), np.float64)),
    "images": lambda: showcase(IMAGE),
    "Dict": lambda: showcase(MIXED),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_learns_and_predicts_in_whatever_sb3_takes(kind: str) -> None:
    trained = model(ENVIRONMENTS[kind](), unroll_length=6)
    before = [parameter.clone() for parameter in trained.policy.parameters()]
    env = trained.get_env()
    assert env is not None
    trained.learn(2 * 6 * env.num_envs)
    assert trained.num_timesteps == 2 * 6 * env.num_envs
    moved = zip(before, trained.policy.parameters(), strict=True)
    assert all(not torch.equal(old, new) for old, new in moved)
    assert all(parameter.isfinite().all() for parameter in trained.learner.network.parameters())
    observation = env.reset()
    actions, state = trained.predict(observation, episode_start=np.ones(env.num_envs, bool))
    assert all(env.action_space.contains(action) for action in actions)
    assert state is not None and state[0].shape == (1, env.num_envs, SETTINGS["actor_hidden_size"])
    env.close()


def test_images_get_a_cnn_and_are_transposed_as_in_sb3() -> None:
    trained = model(showcase(IMAGE))
    assert isinstance(trained.env, VecTransposeImage)
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, NatureCNN)
    assert trained.policy.features_extractor is not trained.learner.network.encoder.extractor


def test_dictionaries_get_a_combined_extractor_with_a_cnn_for_the_image() -> None:
    trained = model(showcase(MIXED))
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, CombinedExtractor)
        assert isinstance(extractor.extractors["image"], NatureCNN)


class Doubling(BaseFeaturesExtractor):
    """A features extractor of somebody's own."""

    def __init__(self, observation_space: spaces.Box, times: int = 2) -> None:
        super().__init__(observation_space, features_dim=times * int(observation_space.shape[0]))
        self.layer, self.times = nn.Linear(observation_space.shape[0], observation_space.shape[0]), times

    def forward(self, observations: Tensor) -> Tensor:
        return self.layer(observations).repeat(1, self.times)


def test_both_networks_use_the_features_extractor_of_the_policy_kwargs() -> None:
    kwargs = {"features_extractor_class": Doubling, "features_extractor_kwargs": {"times": 3}}
    trained = model(showcase(BOX), policy_kwargs=kwargs).learn(12)
    for extractor in (trained.policy.features_extractor, trained.learner.network.encoder.extractor):
        assert isinstance(extractor, Doubling) and extractor.times == 3
    assert trained.policy.lstm_actor.input_size == 9


def test_images_reach_both_networks_unscaled_where_the_policy_says_so() -> None:
    kwargs = {"normalize_images": False, "features_extractor_class": CombinedExtractor}
    trained = model(showcase(spaces.Dict(image=IMAGE)), policy_kwargs=kwargs)
    encoders = trained.distiller.network.encoder, trained.learner.network.encoder
    assert [encoder.normalize_images for encoder in encoders] == [False, False]


def test_the_environments_of_the_tests_are_sound() -> None:
    check_env(CueEnv())
    check_env(Showcase(BOX, spaces.Discrete(3)))


def test_vec_normalize_is_found() -> None:
    env = VecNormalize(showcase(BOX))
    assert model(env).get_vec_normalize_env() is env
    assert model(showcase(BOX)).get_vec_normalize_env() is None


def test_an_environment_can_be_exchanged() -> None:
    trained = model(cue_lanes()).learn(UNROLL)
    other = cue_lanes()
    trained.set_env(other)
    trained.learn(UNROLL, reset_num_timesteps=False)
    assert trained.get_env() is other and trained.num_timesteps == 2 * UNROLL
    with pytest.raises(ValueError, match="spaces do not match"):
        trained.set_env(showcase(BOX, lanes=LANES))


# --- What is refused ------------------------------------------------------------------------------

WRONG_ACTIONS = [
    spaces.Box(-1, 1, (2,)),
    spaces.Box(-np.inf, np.inf, (2,)),
    spaces.MultiDiscrete([2, 2]),
    spaces.MultiBinary(2),
    spaces.Discrete(2, start=1),
]
WRONG_OBSERVATIONS = [spaces.Discrete(3), spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(3)]


@pytest.mark.parametrize("space", WRONG_ACTIONS, ids=str)
def test_other_actions_are_refused_by_name(space: spaces.Space[Any]) -> None:
    with pytest.raises(ValueError, match=rf"actions of a Discrete space.*got {type(space).__name__}"):
        model(Showcase(BOX, space))


@pytest.mark.parametrize("space", WRONG_OBSERVATIONS, ids=str)
def test_other_observations_are_refused_by_name(space: spaces.Space[Any]) -> None:
    with pytest.raises(
        ValueError, match=r"observations of a Box or a Dict space, got " + type(space).__name__
    ):
        model(Showcase(space, spaces.Discrete(2)))


def test_a_vector_env_without_the_bridge_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match="SyncVectorEnv: wrap it in agents.vec_env.GymnasiumVecEnv"):
        model(SyncVectorEnv([CueEnv]))


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"no setting 'gama'.*mean 'gamma'\?.*unroll_length"):
        model(CueEnv(), gama=0.9)


def test_a_setting_out_of_range_is_refused_with_its_bounds() -> None:
    with pytest.raises(ValueError, match=r"gamma must be in \[0, 1\], got 2"):
        model(CueEnv(), gamma=2)
    with pytest.raises(ValueError, match=r"unroll_length must be at least 1, got 0"):
        model(CueEnv(), unroll_length=0)


def test_other_policies_are_refused() -> None:
    with pytest.raises(ValueError, match="LSTMActorPolicy, got RecurrentActorCriticPolicy"):
        ALD(RecurrentActorCriticPolicy, CueEnv())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="MlpPolicy"):
        ALD("MlpPolicy", CueEnv())


def test_learning_without_an_environment_says_how_to_get_one(tmp_path: Path) -> None:
    model(CueEnv()).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"set_env\(\)"):
        ALD.load(tmp_path / "model").learn(10)


def test_single_settings_go_on_top_of_a_configuration() -> None:
    config = ALDConfig(**SETTINGS)
    built = ALD("LstmPolicy", CueEnv(), config, gamma=0.5, device="cpu")
    assert built.config == dataclasses.replace(config, gamma=0.5)


# --- Counting, callbacks, logs --------------------------------------------------------------------


@pytest.mark.parametrize("asked", [1, 6, 7, 13])
def test_training_ends_with_the_unroll_that_reaches_the_total(asked: int) -> None:
    callback = Recorded()
    trained = model(CueEnv()).learn(asked, callback)
    unrolls = -(-asked // 6)
    assert trained.num_timesteps == 6 * unrolls == len(callback.steps)
    assert trained.learner.updates == unrolls * (1 + SETTINGS["learner_replays"])


def test_callbacks_see_each_vector_step() -> None:
    callback = Recorded()
    trained = model(cue_lanes()).learn(2 * UNROLL, callback)
    assert [step["counted"] for step in callback.steps] == list(range(LANES, 2 * UNROLL + 1, LANES))
    for step in callback.steps:
        assert step["self"] is trained
        assert len(step["infos"]) == LANES and isinstance(step["infos"][0], dict)
        assert step["dones"].shape == step["rewards"].shape == step["actions"].shape == (LANES,)
        assert step["dones"].dtype == bool and set(step["actions"]) <= {0, 1}
        assert step["new_obs"].shape == (LANES, 3)
        for done, info, reward in zip(step["dones"], step["infos"], step["rewards"], strict=True):
            assert done == ("terminal_observation" in info)
            assert not done or reward == info["is_success"]
    assert any(step["dones"].any() for step in callback.steps)


def test_callbacks_are_told_of_unrolls_as_sb3_tells_of_rollouts() -> None:
    callback = Recorded()
    model(cue_lanes()).learn(2 * UNROLL, callback)
    rollout = ["rollout start", "rollout end"]
    assert callback.events == ["training start", *rollout, *rollout, "training end"]


def test_a_callback_can_stop_inside_an_unroll() -> None:
    callback = Recorded(stop_after=4)
    trained = model(cue_lanes()).learn(100 * UNROLL, callback)
    assert trained.num_timesteps == 4 * LANES
    assert trained.learner.updates == 0
    assert callback.events == ["training start", "rollout start", "training end"]


@pytest.mark.parametrize("stop_after", [4, 6, 9])
def test_what_was_stopped_can_be_gone_on_with_as_if_it_had_not(stop_after: int) -> None:
    straight = maze_model().learn(3 * UNROLL)
    stopped = maze_model().learn(3 * UNROLL, Recorded(stop_after=stop_after))
    stopped.learn(3 * UNROLL - stopped.num_timesteps, reset_num_timesteps=False)
    assert differences(everything(straight), everything(stopped)) == []


def test_learning_twice_goes_on_or_starts_counting_anew() -> None:
    straight = maze_model().learn(4 * UNROLL)
    twice = maze_model().learn(2 * UNROLL).learn(2 * UNROLL, reset_num_timesteps=False)
    assert differences(everything(straight), everything(twice)) == []
    updates = twice.learner.updates
    twice.learn(UNROLL)
    assert twice.num_timesteps == UNROLL and twice.learner.updates > updates


def test_success_and_returns_are_logged_with_no_configuration() -> None:
    trained, rows = model(cue_lanes()), Rows()
    trained.set_logger(Logger(folder=None, output_formats=[rows]))
    trained.learn(4 * UNROLL, log_interval=2)
    assert len(rows.rows) == 2
    for row in rows.rows:
        assert 0 < row["rollout/success_rate"] < 1
        assert row["rollout/ep_rew_mean"] == row["rollout/success_rate"]
        assert row["rollout/ep_len_mean"] == 2
    assert [row["time/total_timesteps"] for row in rows.rows] == [2 * UNROLL, 4 * UNROLL]
    assert [row["time/iterations"] for row in rows.rows] == [2, 4]


def test_metrics_that_explain_are_logged() -> None:
    trained, rows = model(cue_lanes()), Rows()
    trained.set_logger(Logger(folder=None, output_formats=[rows]))
    trained.learn(UNROLL, log_interval=1)
    expected = (
        *("vmpo/eta", "vmpo/alpha", "vmpo/kl_over_eps_alpha", "vmpo/effective_samples"),
        *("vtrace/rho", "vtrace/rho_clipped", "learner/entropy", "actor/entropy"),
        *("distillation/kl", "distillation/value_gap", "popart/mu", "popart/sigma"),
        *("time/fps", "time/acting_seconds", "time/learning_seconds", "time/distilling_seconds"),
    )
    assert [name for name in expected if not np.isfinite(rows.rows[0].get(name, np.nan))] == []


def test_logged_metrics_are_means_over_the_interval() -> None:
    single, double = Rows(), Rows()
    for rows, interval in ((single, 1), (double, 2)):
        trained = model(cue_lanes())
        trained.set_logger(Logger(folder=None, output_formats=[rows]))
        trained.learn(2 * UNROLL, log_interval=interval)
    mean = np.mean([row["vmpo/eta"] for row in single.rows])
    assert double.rows[0]["vmpo/eta"] == pytest.approx(mean)
    assert single.rows[0]["vmpo/eta"] != single.rows[1]["vmpo/eta"]


def test_the_progress_bar_runs_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    trained = model(cue_lanes()).learn(2 * UNROLL, progress_bar=True)
    assert trained.num_timesteps == 2 * UNROLL
    shown = capsys.readouterr()
    assert f"{2 * UNROLL}/{2 * UNROLL}" in shown.out + shown.err


def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    model(cue_lanes(), tensorboard_log=str(tmp_path)).learn(UNROLL, log_interval=1, tb_log_name="run")
    assert list(tmp_path.glob("run_1/events*"))


# --- SB3's callbacks and evaluation ---------------------------------------------------------------


def test_evaluate_policy_works_unchanged() -> None:
    trained = model(cue_lanes()).learn(UNROLL)
    returns, lengths = evaluate_policy(trained, cue_lanes(3), n_eval_episodes=12, return_episode_rewards=True)
    assert len(returns) == 12 and set(returns) <= {0.0, 1.0} and set(lengths) == {2}


def test_evaluation_leaves_training_alone() -> None:
    quiet, evaluated = maze_model(), maze_model()
    quiet.learn(2 * UNROLL)
    evaluated.learn(2 * UNROLL, EvalCallback(maze_lanes(), n_eval_episodes=4, eval_freq=4, verbose=0))
    assert differences(everything(quiet), everything(evaluated)) == []


def test_eval_callback_saves_the_best_and_a_threshold_stops(tmp_path: Path) -> None:
    stop = StopTrainingOnRewardThreshold(reward_threshold=-1.0)
    callback = EvalCallback(
        cue_lanes(),
        callback_on_new_best=stop,
        n_eval_episodes=4,
        eval_freq=8,
        best_model_save_path=str(tmp_path),
        log_path=str(tmp_path),
        verbose=0,
    )
    trained = model(cue_lanes()).learn(100 * UNROLL, callback)
    assert trained.num_timesteps == 8 * LANES
    best = ALD.load(tmp_path / "best_model")
    assert differences(best.policy.state_dict(), trained.policy.state_dict()) == []
    assert np.load(tmp_path / "evaluations.npz")["timesteps"].tolist() == [8 * LANES]


@pytest.mark.parametrize("steps", [8, 12], ids=["inside an unroll", "at the end of one"])
def test_what_checkpoint_callback_saves_resumes_bit_for_bit(tmp_path: Path, steps: int) -> None:
    checkpoints = CheckpointCallback(save_freq=steps, save_path=str(tmp_path), name_prefix="ald")
    straight = maze_model().learn(4 * UNROLL, CallbackList([checkpoints]))
    path = tmp_path / f"ald_{steps * LANES}_steps.zip"
    resumed = ALD.load(path, maze_lanes(), device="cpu", force_reset=False)
    assert resumed.num_timesteps == steps * LANES
    resumed.learn(4 * UNROLL - steps * LANES, reset_num_timesteps=False)
    assert differences(everything(straight), everything(resumed)) == []


def test_a_model_saved_between_acting_and_learning_resumes_bit_for_bit(tmp_path: Path) -> None:
    class SaveAtTheEnd(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            self.model.save(tmp_path / f"{self.num_timesteps}")

    straight = maze_model().learn(3 * UNROLL, SaveAtTheEnd())
    resumed = ALD.load(tmp_path / f"{2 * UNROLL}", maze_lanes(), device="cpu", force_reset=False)
    resumed.learn(UNROLL, reset_num_timesteps=False)
    assert differences(everything(straight), everything(resumed)) == []


def test_step_sizes_and_entropy_bonus_fall_linearly_and_resume_bit_for_bit(tmp_path: Path) -> None:
    settings = {"final_learning_rates": 0.5, "final_entropy": 0.0, "entropy_coef": 0.2}
    found = []

    class Look(BaseCallback):
        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            rates = {name: made.param_groups[0]["lr"] for name, made in self.model.optimizers().items()}
            found.append({**rates, "entropy": self.model.learner.entropy_coef})

    config = ALDConfig()
    checkpoints = CheckpointCallback(save_freq=8, save_path=str(tmp_path), name_prefix="ald")
    straight = maze_model(**settings).learn(4 * UNROLL, CallbackList([checkpoints, Look()]))
    for shares, seen in zip([(0.875, 0.75), (0.75, 0.5), (0.625, 0.25), (0.5, 0.0)], found, strict=True):
        assert seen["learner_learning_rate"] == pytest.approx(shares[0] * config.learner_learning_rate)
        assert seen["actor_learning_rate"] == pytest.approx(shares[0] * config.actor_learning_rate)
        assert seen["dual_learning_rate"] == config.dual_learning_rate
        assert seen["entropy"] == pytest.approx(shares[1] * 0.2)
    resumed = ALD.load(tmp_path / f"ald_{8 * LANES}_steps.zip", maze_lanes(), force_reset=False)
    resumed.learn(4 * UNROLL - 8 * LANES, reset_num_timesteps=False)
    assert differences(everything(straight), everything(resumed)) == []


# --- Seeds and parameters -------------------------------------------------------------------------


def test_a_seed_decides_everything() -> None:
    one, again, other = (maze_model(seed).learn(3 * UNROLL) for seed in (1, 1, 2))
    assert differences(everything(one), everything(again)) == []
    assert differences(one.policy.state_dict(), other.policy.state_dict())


def test_other_users_of_global_randomness_do_not_interfere() -> None:
    class Noisy(BaseCallback):
        def _on_step(self) -> bool:
            torch.rand(3)
            np.random.rand(3)
            return True

    quiet, disturbed = maze_model().learn(2 * UNROLL), maze_model().learn(2 * UNROLL, Noisy())
    assert differences(everything(quiet), everything(disturbed)) == []


def test_set_random_seed_decides_what_follows() -> None:
    one, other = maze_model(1), maze_model(2)
    other.set_parameters(one.get_parameters())
    for trained in (one, other):
        trained.set_random_seed(7)
        trained.learn(2 * UNROLL)
    assert differences(everything(one), everything(other)) == []
    third = maze_model(1)
    third.set_random_seed(8)
    assert differences(everything(third.learn(2 * UNROLL)), everything(one))


def test_parameters_can_be_carried_over() -> None:
    source, target = (model(cue_lanes(), seed) for seed in (0, 1))
    source.learn(3 * UNROLL)
    parameters = source.get_parameters()
    target.set_parameters(parameters)
    observation = np.eye(3, dtype=np.float32)
    actions = [each.predict(observation, deterministic=True)[0] for each in (source, target)]
    assert np.array_equal(*actions)
    assert differences(source.get_parameters(), target.get_parameters()) == []
    with pytest.raises(ValueError, match="do not match"):
        target.set_parameters({"policy": parameters["policy"]})
    target.set_parameters({"policy": parameters["policy"]}, exact_match=False)


def test_carried_over_values_mean_the_same_in_units_of_the_return() -> None:
    source, target = (model(cue_lanes(), seed, popart_step_size=0.3) for seed in (0, 1))
    source.learn(3 * UNROLL)
    target.set_parameters(source.get_parameters())
    normalized = torch.tensor([-1.0, 2.0])
    assert torch.equal(*(each.learner.popart.denormalize(normalized) for each in (source, target)))


# --- Learning for real ----------------------------------------------------------------------------

LEARNING: dict[str, Any] = {
    "unroll_length": 8,
    "actor_hidden_size": 16,
    "actor_learning_rate": 1e-2,
    "learner_learning_rate": 6e-3,
    "learner_layers": 1,
    "learner_width": 16,
    "learner_mlp_width": 16,
    "learner_heads": 2,
    "learner_memory": 4,
    "learner_replays": 0,
    "entropy_coef": 0.003,
    "value_coef": 1.0,
    "learner_regularisation": 1.0,
    "distillation_steps": 2,
    "replay_size": 16,
    "distillation_window": 16,
}
FRAMES = 24_000  # each of seven seeds needed fewer than 18,000 for a success of 0.95


class Forgetful(nn.Module):
    """A core whose memory is cleared before every step."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core

    @property
    def output_size(self) -> int:
        return self.core.output_size

    def initial_state(self, lanes: int) -> CoreState:
        return self.core.initial_state(lanes)

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        return self.core(inputs, state, torch.ones_like(is_first), carry)


def success_of(trained: ALD) -> float:
    """Success over the last episodes of training."""
    trained.learn(FRAMES)
    assert trained.ep_success_buffer is not None and len(trained.ep_success_buffer) == 500
    return float(np.mean(trained.ep_success_buffer))


def test_a_task_that_needs_memory_is_learned() -> None:
    trained = model(cue_lanes(16), stats_window_size=500, **LEARNING)
    assert success_of(trained) > 0.95
    returns = evaluate_policy(trained, cue_lanes(1), n_eval_episodes=50, return_episode_rewards=True)[0]
    assert np.mean(returns) == 1.0


def test_the_same_task_stays_at_chance_without_memory() -> None:
    trained = model(cue_lanes(16), stats_window_size=500, **LEARNING)
    networks = (trained.distiller.network, trained.learner.network, trained.learner.target)
    for network in networks:
        network.core = Forgetful(network.core)
    assert 0.4 < success_of(trained) < 0.6


def test_the_policy_is_sb3_contribs_recurrent_one() -> None:
    assert isinstance(model(CueEnv()).policy, RecurrentActorCriticPolicy)
    assert ALD.policy_aliases["MlpLstmPolicy"] is LSTMActorPolicy
