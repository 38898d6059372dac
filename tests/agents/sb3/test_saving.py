"""A saved model resumes bit for bit, and a file that is not one harms nobody."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from torch import nn

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError
from agents.vec_env.state import get_env_state
from tests.support.tiny import (
    LANES,
    SETTINGS,
    UNROLL,
    Showcase,
    cue_lanes,
    differences,
    everything,
    maze_lanes,
    maze_model,
    tiny_model,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def resumed(path: Path, env: VecEnv | None = None, **arguments: Any) -> ALD:
    return ALD.load(path, env or maze_lanes(), device="cpu", force_reset=False, **arguments)


def cue_model(**settings: Any) -> ALD:
    return tiny_model(cue_lanes(), **settings)


# --- Resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("unrolls", [1, 2, 5])
def test_n_and_save_and_load_and_n_equals_2n_bit_for_bit(tmp_path: Path, unrolls: int) -> None:
    straight = maze_model().learn(2 * unrolls * UNROLL)
    maze_model().learn(unrolls * UNROLL).save(tmp_path / "half")
    second = resumed(tmp_path / "half")
    second.learn(unrolls * UNROLL, reset_num_timesteps=False)
    assert differences(everything(straight), everything(second)) == []
    assert second.learner.updates == 2 * unrolls * (1 + SETTINGS["learner_replays"])


def test_what_is_compared_does_change_from_unroll_to_unroll() -> None:
    model = maze_model().learn(2 * UNROLL)
    before = {name: checkpoint_copy(part) for name, part in everything(model).items()}
    after = everything(model.learn(2 * UNROLL, reset_num_timesteps=False))
    same = [name for name in before if not differences(before[name], after[name])]
    assert same == []
    parts = {place.split("/")[1] for place in differences(before["learner"], after["learner"])}
    assert parts >= {"network", "popart", "eta", "alpha", "optimizer", "dual_optimizer", "core_state"}


def checkpoint_copy(tree: Any) -> Any:
    return pickle.loads(pickle.dumps(tree))


def test_a_model_loads_as_it_was_saved(tmp_path: Path) -> None:
    model = maze_model(seed=None).learn(3 * UNROLL)
    model.save(tmp_path / "model")
    loaded = resumed(tmp_path / "model")
    assert differences(everything(model), everything(loaded)) == []
    assert model.env is not None and loaded.env is not None
    assert differences(get_env_state(model.env), get_env_state(loaded.env)) == []
    assert loaded.config == model.config and loaded.seed is None


def test_an_untrained_model_can_be_resumed_too(tmp_path: Path) -> None:
    maze_model().save(tmp_path / "new")
    second = resumed(tmp_path / "new").learn(2 * UNROLL)
    assert differences(everything(maze_model().learn(2 * UNROLL)), everything(second)) == []


def test_logged_means_go_on_as_well(tmp_path: Path) -> None:
    straight = maze_model().learn(3 * UNROLL)
    maze_model().learn(2 * UNROLL).save(tmp_path / "model")
    second = resumed(tmp_path / "model").learn(UNROLL, reset_num_timesteps=False)
    assert second._metrics.take() == straight._metrics.take()


def test_force_reset_begins_new_episodes_with_the_old_networks(tmp_path: Path) -> None:
    model = maze_model().learn(2 * UNROLL)
    model.save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", maze_lanes(), device="cpu")
    assert differences(loaded.policy.state_dict(), model.policy.state_dict()) == []
    assert loaded.learner.core_state is None and loaded._last_obs is None
    loaded.learn(UNROLL, reset_num_timesteps=False)
    assert loaded.replay.unrolls[-1].is_first[0].all()
    assert loaded.num_timesteps == 3 * UNROLL


@pytest.mark.parametrize("lanes", [1, 7])
def test_a_model_goes_on_with_another_number_of_lanes(tmp_path: Path, lanes: int) -> None:
    maze_model().learn(3 * UNROLL).save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", maze_lanes(lanes), device="cpu")
    loaded.learn(2 * lanes * SETTINGS["unroll_length"], reset_num_timesteps=False)
    assert loaded.n_envs == lanes
    assert loaded.replay.unrolls[-1].lanes == lanes
    with pytest.raises(ValueError, match=rf"resumes the episodes of {LANES} environments.*got {lanes}"):
        resumed(tmp_path / "model", maze_lanes(lanes))


def test_a_model_can_be_loaded_alone_and_given_an_environment_later(tmp_path: Path) -> None:
    maze_model().learn(UNROLL).save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", device="cpu")
    assert loaded.get_env() is None
    observation = maze_lanes().reset()
    assert len(loaded.predict(observation)[0]) == LANES
    loaded.set_env(maze_lanes())
    assert loaded.learn(UNROLL, reset_num_timesteps=False).num_timesteps == 2 * UNROLL
    with pytest.raises(ValueError, match="got none"):
        ALD.load(tmp_path / "model", device="cpu", force_reset=False)


def test_any_environment_can_be_gone_on_with_in_new_episodes(tmp_path: Path) -> None:
    model = cue_model().learn(2 * UNROLL)
    model.save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", cue_lanes(), device="cpu")
    loaded.learn(UNROLL, reset_num_timesteps=False)
    assert loaded.num_timesteps == 3 * UNROLL
    with pytest.raises(ValueError, match="not contain the state of its environments.*force_reset=True"):
        resumed(tmp_path / "model", cue_lanes())


def test_parts_can_be_left_out(tmp_path: Path) -> None:
    model = maze_model().learn(3 * UNROLL)
    model.save(tmp_path / "whole")
    model.save(tmp_path / "small", exclude=["replay", "environment"])
    model.save(tmp_path / "as in SB3", exclude=["replay_buffer", "env"])
    model.save(tmp_path / "kept", exclude=["replay"], include=["replay"])
    sizes = {name: (tmp_path / f"{name}.zip").stat().st_size for name in ("whole", "small", "kept")}
    assert sizes["small"] < sizes["whole"] == sizes["kept"]
    assert (tmp_path / "as in SB3").with_suffix(".zip").stat().st_size == sizes["small"]
    small = ALD.load(tmp_path / "small", maze_lanes(), device="cpu")
    assert len(small.replay) == 0
    small.learn(UNROLL, reset_num_timesteps=False)
    assert small.num_timesteps == model.num_timesteps + UNROLL and len(small.replay) == 1
    with pytest.raises(ValueError, match="not contain the state of its environments"):
        resumed(tmp_path / "small")
    with pytest.raises(ValueError, match="exclude must be among replay, environment, .* got 'optimizer'"):
        model.save(tmp_path / "other", exclude=["optimizer"])


# --- What the file cannot hold --------------------------------------------------------------------


class OwnPolicy(LSTMActorPolicy):
    """A policy of somebody's own."""


def test_code_is_asked_for_when_loading(tmp_path: Path) -> None:
    kwargs = {"activation_fn": nn.ReLU, "net_arch": [5]}
    model = cue_model(policy_kwargs=kwargs).learn(UNROLL)
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="activation_fn.*complete policy_kwargs"):
        ALD.load(tmp_path / "model")
    for given in ({"policy_kwargs": kwargs}, {"custom_objects": {"policy_kwargs": kwargs}}):
        loaded = ALD.load(tmp_path / "model", device="cpu", **given)  # type: ignore[arg-type]
        assert differences(loaded.policy.state_dict(), model.policy.state_dict()) == []
        assert isinstance(loaded.policy.mlp_extractor.policy_net[1], nn.ReLU)


def test_a_policy_of_ones_own_is_asked_for_when_loading(tmp_path: Path) -> None:
    ALD(OwnPolicy, cue_lanes(), device="cpu", **SETTINGS).save(tmp_path / "model")
    with pytest.raises(ValueError, match="pass policy=OwnPolicy"):
        ALD.load(tmp_path / "model")
    assert type(ALD.load(tmp_path / "model", policy=OwnPolicy).policy) is OwnPolicy


def test_plain_policy_kwargs_are_in_the_file(tmp_path: Path) -> None:
    model = cue_model(policy_kwargs={"net_arch": [5], "ortho_init": False})
    model.save(tmp_path / "model")
    assert ALD.load(tmp_path / "model").policy_kwargs == {"net_arch": [5], "ortho_init": False}


def test_settings_given_to_load_take_the_place_of_saved_ones(tmp_path: Path) -> None:
    cue_model().learn(UNROLL).save(tmp_path / "model")
    changed = {"gamma": 0.5, "actor_learning_rate": 0.25, "learner_learning_rate": 0.125}
    loaded = ALD.load(tmp_path / "model", cue_lanes(), device="cpu", seed=5, **changed)
    assert loaded.config.gamma == loaded.learner.config.gamma == 0.5
    assert loaded.policy.optimizer.param_groups[0]["lr"] == 0.25
    assert loaded.learner.optimizer.param_groups[0]["lr"] == 0.125
    assert loaded.learner.dual_optimizer.param_groups[0]["lr"] == loaded.config.dual_learning_rate
    assert loaded.seed == 5
    with pytest.raises(TypeError, match="no setting 'gama'"):
        ALD.load(tmp_path / "model", gama=0.5)


@pytest.mark.parametrize("space", ["Box", "Dict"])
def test_spaces_are_checked(tmp_path: Path, space: str) -> None:
    other: dict[str, spaces.Space[Any]] = {
        "Box": spaces.Box(0, 2, (3,), np.float32),
        "Dict": spaces.Dict(x=spaces.Box(0, 1, (3,), np.float32)),
    }
    cue_model().save(tmp_path / "model")
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        ALD.load(tmp_path / "model", Showcase(other[space], spaces.Discrete(2)))


# --- Files that are not models --------------------------------------------------------------------


class Bomb:
    """Runs code when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def pickled(path: Path, bomb: Bomb) -> None:
    path.write_bytes(pickle.dumps(bomb))


def saved_by_torch(path: Path, bomb: Bomb) -> None:
    torch.save({"policy": bomb}, path)


def zipped_like_sb3(path: Path, bomb: Bomb) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", pickle.dumps(bomb))
        archive.writestr("policy.pth", pickle.dumps(bomb))


def zipped_like_ours(path: Path, bomb: Bomb) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tree.json", pickle.dumps(bomb))
        archive.writestr("tensors.safetensors", pickle.dumps(bomb))


@pytest.mark.parametrize("write", [pickled, saved_by_torch, zipped_like_sb3, zipped_like_ours])
def test_code_in_a_file_is_not_run(tmp_path: Path, write: Callable[[Path, Bomb], None]) -> None:
    mark = tmp_path / "it ran"
    write(tmp_path / "evil.zip", Bomb(mark))
    with pytest.raises(CheckpointError, match=r"evil\.zip"):
        ALD.load(tmp_path / "evil.zip")
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # it would have
    assert mark.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    cue_model().save(tmp_path / "model")
    whole = (tmp_path / "model.zip").read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match=r"cut\.zip cannot be loaded"):
        ALD.load(tmp_path / "cut.zip")


def test_a_model_of_sb3_is_refused(tmp_path: Path) -> None:
    PPO("MlpPolicy", gymnasium.make("CartPole-v1"), n_steps=8, batch_size=8, device="cpu").save(
        tmp_path / "ppo"
    )
    with pytest.raises(CheckpointError, match=r"ppo\.zip"):
        ALD.load(tmp_path / "ppo")


@pytest.mark.parametrize("tree", [{"algorithm": "DQN"}, {}, [1, 2], "ALD"], ids=str)
def test_other_checkpoints_are_refused(tmp_path: Path, tree: Any) -> None:
    checkpoint.save(tmp_path / "other.zip", tree)
    with pytest.raises(CheckpointError, match=r"other\.zip does not contain a model of ALD"):
        ALD.load(tmp_path / "other.zip")


def test_an_incomplete_model_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    cue_model().save(tmp_path / "model")
    tree = checkpoint.load(tmp_path / "model.zip")
    del tree["learner"], tree["replay"]
    checkpoint.save(tmp_path / "model.zip", tree)
    with pytest.raises(CheckpointError, match="lacks learner, replay"):
        ALD.load(tmp_path / "model")


def test_settings_of_another_version_are_not_guessed(tmp_path: Path) -> None:
    cue_model().save(tmp_path / "model")
    tree = checkpoint.load(tmp_path / "model.zip")
    del tree["arguments"]["config"]["gamma"]
    checkpoint.save(tmp_path / "lacking.zip", tree)
    with pytest.raises(CheckpointError, match="another version: pass the settings it lacks.*: gamma"):
        ALD.load(tmp_path / "lacking")
    assert ALD.load(tmp_path / "lacking", gamma=0.75).config.gamma == 0.75
    tree["arguments"]["config"]["warp"] = 9
    checkpoint.save(tmp_path / "unknown.zip", tree)
    with pytest.raises(CheckpointError, match="unknown settings: warp"):
        ALD.load(tmp_path / "unknown")


def test_a_setting_that_joined_later_is_what_its_absence_means(tmp_path: Path) -> None:
    model = cue_model()
    model.save(tmp_path / "model")
    tree = checkpoint.load(tmp_path / "model.zip")
    del tree["arguments"]["config"]["reward_prediction_coef"]
    checkpoint.save(tmp_path / "earlier.zip", tree)
    assert ALD.load(tmp_path / "earlier").config == model.config
    assert ALD.load(tmp_path / "earlier", entropy_coef=0.5).config.entropy_coef == 0.5


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing"):
        ALD.load(tmp_path / "nothing")


def test_names_are_completed_as_in_sb3(tmp_path: Path) -> None:
    model = cue_model()
    model.save(str(tmp_path / "plain"))
    model.save(tmp_path / "dotted.model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dotted.model", "plain.zip"]
    for name in ("plain", "plain.zip", "dotted.model"):
        assert ALD.load(str(tmp_path / name)).num_timesteps == 0
