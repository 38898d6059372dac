"""The zoo's hyperparameters are those of the presets."""

from __future__ import annotations

import inspect

import pytest
import yaml
from stable_baselines3 import PPO

from agents.ald import ALDConfig
from agents.baselines import FastRecurrentPPO, RecurrentPPOAgent
from agents.vec_env.make import make_lanes
from agents.zoo import hyperparameters
from memory_envs.registry.presets import PRESETS

OF_THE_ZOO = ("policy", "n_envs", "n_timesteps")


def rows(algorithm: str) -> dict[str, dict[str, object]]:
    text = (hyperparameters.FOLDER / f"{algorithm}.yml").read_text(encoding="utf-8")
    found: dict[str, dict[str, object]] = yaml.safe_load(text)
    return found


def settings(algorithm: str, env_id: str) -> dict[str, object]:
    return {name: value for name, value in rows(algorithm)[env_id].items() if name not in OF_THE_ZOO}


def test_the_files_are_up_to_date() -> None:
    there = {file.name: file.read_text(encoding="utf-8") for file in hyperparameters.FOLDER.iterdir()}
    assert there == hyperparameters.texts(), "run `python -m agents.zoo hyperparams`"


def test_they_are_written_where_they_are_read(tmp_path) -> None:
    written = hyperparameters.write(tmp_path)
    assert {file.name: file.read_text(encoding="utf-8") for file in written} == hyperparameters.texts()


@pytest.mark.parametrize("preset", ["imaze/ald", "imaze-15x15/ald", "meta-fetch/ald", "meta-fetch-4/ald"])
def test_ald_has_the_settings_lanes_and_frames_of_its_presets(preset: str) -> None:
    row = PRESETS[preset]
    assert ALDConfig(**settings("ald", row.env)) == ALDConfig(**row.overrides)
    found = rows("ald")[row.env]
    assert [found[name] for name in OF_THE_ZOO] == [row.policy, row.num_envs, row.total_timesteps]


def test_any_other_environment_gets_alds_defaults() -> None:
    assert ALDConfig(**settings("ald", "default")) == ALDConfig()


@pytest.mark.filterwarnings("ignore:.*truncated mini-batch")
def test_recurrent_ppo_is_that_of_its_preset() -> None:
    row = PRESETS["meta-fetch/recurrent-ppo"]
    lanes = make_lanes(row.env, 2)
    given = settings("ppo_lstm", row.env)
    assert given.pop("learning_rate") == f"lin_{row.overrides['learning_rate']}"
    from_zoo = FastRecurrentPPO("MlpLstmPolicy", lanes, **given)
    agent = RecurrentPPOAgent("MlpLstmPolicy", lanes, **row.overrides)
    shapes = [
        {name: value.shape for name, value in each.policy.state_dict().items()} for each in (from_zoo, agent)
    ]
    assert shapes[0] == shapes[1]
    for (
        name
    ) in "n_steps batch_size n_epochs gamma gae_lambda ent_coef vf_coef max_grad_norm target_kl".split():
        assert getattr(from_zoo, name) == getattr(agent, name), name


def test_arguments_of_sb3_are_those_that_differ_from_its_defaults() -> None:
    defaults = inspect.signature(PPO).parameters
    for row in rows("ppo").values():
        given = {name: value for name, value in row.items() if name not in OF_THE_ZOO}
        assert given["n_steps"] == 128
        assert all(value != defaults[name].default for name, value in given.items())
