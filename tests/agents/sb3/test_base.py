"""What every agent has: settings in one object, and the parts of its file in one order."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from agents.ald import ALD, ALDConfig
from agents.baselines import PPOAgent
from agents.sb3 import checkpoint
from agents.vec_env.make import make_lanes
from tests.support import foreign  # noqa: F401  (registers environments)
from tests.support.kinds import KINDS
from tests.support.tiny import SETTINGS, CueEnv, cue_lanes, maze_lanes, tiny_model, vmpo_model

pytestmark = pytest.mark.usefixtures("one_thread")

DESCRIBED = "algorithm arguments observation_space action_space n_envs counters episodes policy".split()
UNROLLS = "metrics learner distiller actor replay".split()


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(TypeError, match=r"no setting 'gama'.*mean 'gamma'\?.*unroll_length"):
        tiny_model(CueEnv(), gama=0.9)


def test_a_setting_out_of_range_is_refused_with_its_bounds() -> None:
    with pytest.raises(ValueError, match=r"gamma must be in \[0, 1\], got 2"):
        tiny_model(CueEnv(), gamma=2)
    with pytest.raises(ValueError, match=r"unroll_length must be at least 1, got 0"):
        tiny_model(CueEnv(), unroll_length=0)


def test_single_settings_go_on_top_of_a_configuration() -> None:
    config = ALDConfig(**SETTINGS)
    built = ALD("LstmPolicy", CueEnv(), config, gamma=0.5, device="cpu")
    assert built.config == dataclasses.replace(config, gamma=0.5)


def test_a_file_holds_what_it_has_always_held(tmp_path: Path) -> None:
    """Equal models give equal files, so the order of the parts belongs to the format, too."""
    ppo = PPOAgent("MlpPolicy", maze_lanes(2), n_steps=8, batch_size=16)
    models = {
        "ald": (tiny_model(cue_lanes()), UNROLLS),
        "vmpo": (vmpo_model(), UNROLLS),
        "ppo": (ppo, "optimizers acting generators".split()),
    }
    for name, (model, parts) in models.items():
        model.save(tmp_path / name)
        tree = checkpoint.load(tmp_path / f"{name}.zip")
        assert list(tree) == [*DESCRIBED, *parts, "environment"]
        assert tree["algorithm"] == type(model).__name__
        assert (tree["environment"] is None) == (name == "ald")  # of which Gymnasium cannot tell the state
    assert checkpoint.load(tmp_path / "vmpo.zip")["distiller"] is None


def test_parts_of_a_file_are_left_out_by_name(tmp_path: Path) -> None:
    vmpo_model().save(tmp_path / "model", exclude=["replay", "environment"], include=["replay"])
    tree = checkpoint.load(tmp_path / "model.zip")
    assert tree["replay"] is not None and tree["environment"] is None


@pytest.mark.parametrize("name", KINDS)
def test_a_loaded_model_goes_on_in_a_simulator_that_takes_few_seeds(name: str, tmp_path: Path) -> None:
    """It took those of the beginning; hours later it must not refuse one that nobody has chosen."""
    lanes = make_lanes("Foreign/Open-v0", 2, {"seeds": 2**15})
    KINDS[name].model(lanes, seed=3).learn(12).save(tmp_path / "model")
    for frames in range(12, 48, 12):
        loaded = KINDS[name].algorithm.load(tmp_path / "model", lanes)
        asked = list(lanes._seeds)
        assert not {3, 4} & set(asked)
        loaded.learn(12, reset_num_timesteps=False).save(tmp_path / "model")
        assert loaded.num_timesteps == frames + 12
