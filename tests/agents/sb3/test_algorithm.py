"""Training from unrolls: what it counts, tells its callbacks and logs, and that stopping loses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import (
    BaseCallback,
    CallbackList,
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import Logger

from agents.ald import ALD, ALDConfig
from tests.support.tiny import (
    LANES,
    SETTINGS,
    UNROLL,
    CueEnv,
    Rows,
    cue_lanes,
    differences,
    everything,
    maze_lanes,
    maze_model,
    tiny_model,
)

pytestmark = pytest.mark.usefixtures("one_thread")


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


# --- Counting, callbacks, logs --------------------------------------------------------------------


@pytest.mark.parametrize("asked", [1, 6, 7, 13])
def test_training_ends_with_the_unroll_that_reaches_the_total(asked: int) -> None:
    callback = Recorded()
    trained = tiny_model(CueEnv()).learn(asked, callback)
    unrolls = -(-asked // 6)
    assert trained.num_timesteps == 6 * unrolls == len(callback.steps)
    assert trained.learner.updates == unrolls * (1 + SETTINGS["learner_replays"])


def test_callbacks_see_each_vector_step() -> None:
    callback = Recorded()
    trained = tiny_model(cue_lanes()).learn(2 * UNROLL, callback)
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
    tiny_model(cue_lanes()).learn(2 * UNROLL, callback)
    rollout = ["rollout start", "rollout end"]
    assert callback.events == ["training start", *rollout, *rollout, "training end"]


def test_a_callback_can_stop_inside_an_unroll() -> None:
    callback = Recorded(stop_after=4)
    trained = tiny_model(cue_lanes()).learn(100 * UNROLL, callback)
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
    trained, rows = tiny_model(cue_lanes()), Rows()
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
    trained, rows = tiny_model(cue_lanes()), Rows()
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
        trained = tiny_model(cue_lanes())
        trained.set_logger(Logger(folder=None, output_formats=[rows]))
        trained.learn(2 * UNROLL, log_interval=interval)
    mean = np.mean([row["vmpo/eta"] for row in single.rows])
    assert double.rows[0]["vmpo/eta"] == pytest.approx(mean)
    assert single.rows[0]["vmpo/eta"] != single.rows[1]["vmpo/eta"]


def test_the_progress_bar_runs_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    trained = tiny_model(cue_lanes()).learn(2 * UNROLL, progress_bar=True)
    assert trained.num_timesteps == 2 * UNROLL
    shown = capsys.readouterr()
    assert f"{2 * UNROLL}/{2 * UNROLL}" in shown.out + shown.err


def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    tiny_model(cue_lanes(), tensorboard_log=str(tmp_path)).learn(UNROLL, log_interval=1, tb_log_name="run")
    assert list(tmp_path.glob("run_1/events*"))


# --- SB3's callbacks and evaluation ---------------------------------------------------------------


def test_evaluate_policy_works_unchanged() -> None:
    trained = tiny_model(cue_lanes()).learn(UNROLL)
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
    trained = tiny_model(cue_lanes()).learn(100 * UNROLL, callback)
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


# --- Seeds ----------------------------------------------------------------------------------------


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


def test_learning_without_an_environment_says_how_to_get_one(tmp_path: Path) -> None:
    tiny_model(CueEnv()).save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"set_env\(\)"):
        ALD.load(tmp_path / "model").learn(10)
