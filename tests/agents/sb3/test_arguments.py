"""Arguments of SB3's algorithms: served, or refused in a sentence that says where to set what was meant."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import NatureCNN
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from torch import nn

from agents.ald import ALD, ALDConfig
from agents.baselines import VMPO, FastRecurrentPPO, PPOAgent, RandomAgent, RecurrentPPOAgent
from agents.baselines.config import PPOConfig
from agents.learning.config import VMPOConfig
from tests.support.kinds import KINDS
from tests.support.tiny import SETTINGS, CueEnv, Showcase, cue_lanes, differences

pytestmark = pytest.mark.usefixtures("one_thread")

every_kind = pytest.mark.parametrize("name", KINDS)
UNROLLS = ("ald", "vmpo-lstm", "vmpo-gtrxl", "asymmetric", "vtrace-lstm")
FLOATS = spaces.Box(-1, 1, (3, 36, 36), np.float32)


def lanes(space: spaces.Space[Any], number: int = 2) -> VecEnv:
    return DummyVecEnv([partial(Showcase, space, spaces.Discrete(3))] * number)


# --- The third argument, and settings in one object -------------------------------------------------


@pytest.mark.parametrize(
    ("make", "hint"),
    [
        (partial(ALD, "LstmPolicy"), "actor_learning_rate= and learner_learning_rate="),
        (partial(VMPO, "LstmPolicy"), "learner_learning_rate="),
        (partial(PPOAgent, "MlpPolicy"), "learning_rate="),
        (partial(RecurrentPPOAgent, "MlpLstmPolicy"), "learning_rate="),
        (partial(RandomAgent, "RandomPolicy"), "RandomConfig"),
    ],
)
@pytest.mark.parametrize("third", [1e-3, lambda left: left, 0, {"gamma": 0.5}, {}, "", VMPOConfig, object()])
def test_what_is_no_configuration_is_refused_with_the_way_to_set_a_step_size(
    make: Any, hint: str, third: Any
) -> None:
    with pytest.raises(TypeError, match=r"config must be a \w+Config, got") as refusal:
        make(CueEnv(), third)
    assert hint in str(refusal.value)


def test_a_configuration_of_another_agent_is_refused() -> None:
    with pytest.raises(TypeError, match="config must be a ALDConfig, got VMPOConfig"):
        ALD("LstmPolicy", CueEnv(), VMPOConfig())
    with pytest.raises(TypeError, match="config must be a RecurrentPPOConfig, got PPOConfig"):
        RecurrentPPOAgent("MlpLstmPolicy", CueEnv(), PPOConfig())


@every_kind
def test_functions_in_place_of_step_sizes_are_refused_in_words(name: str) -> None:
    step_size = KINDS[name].algorithm.step_size
    if step_size is not None:
        with pytest.raises(ValueError, match=f"{step_size} must be a finite number, got a function"):
            KINDS[name].model(CueEnv(), **{step_size: lambda left: 1e-3 * left})


# --- policy_kwargs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", UNROLLS)
def test_the_class_of_optimizer_is_that_of_the_learner_too(name: str, tmp_path: Path) -> None:
    kwargs = {"optimizer_class": torch.optim.RMSprop, "optimizer_kwargs": {"alpha": 0.9}}
    model = KINDS[name].model(cue_lanes(2), policy_kwargs=kwargs).learn(24)
    found = [model.learner.optimizer] + ([model.policy.optimizer] if name == "ald" else [])
    for optimizer in found:
        assert type(optimizer) is torch.optim.RMSprop and optimizer.defaults["alpha"] == 0.9
    assert model.learner.optimizer.param_groups[0]["lr"] == model.config.learner_learning_rate
    model.save(tmp_path / "model")
    with pytest.raises(ValueError, match="optimizer_class"):
        model.load(tmp_path / "model")
    loaded = model.load(tmp_path / "model", cue_lanes(2), policy_kwargs=kwargs)
    assert differences(loaded.learner.state_dict(), {**model.learner.state_dict(), "core_state": None}) == []
    loaded.learn(12)


@pytest.mark.parametrize("name", UNROLLS)
def test_options_of_the_optimizer_are_those_of_the_learner_too(name: str) -> None:
    kwargs = {"optimizer_kwargs": {"weight_decay": 0.25}}
    model = KINDS[name].model(cue_lanes(2), policy_kwargs=kwargs)
    optimizer = model.learner.optimizer
    assert type(optimizer) is torch.optim.Adam
    assert optimizer.param_groups[0]["weight_decay"] == 0.25 and optimizer.param_groups[0]["fused"]
    if name == "ald":
        assert model.policy.optimizer.param_groups[0]["weight_decay"] == 0.25


@pytest.mark.parametrize("name", UNROLLS)
@pytest.mark.parametrize("net_arch", [[5], {"pi": [5], "vf": [7, 5]}, []], ids=str)
def test_hidden_layers_and_their_activation_are_those_of_the_learner_too(
    name: str, net_arch: Any, tmp_path: Path
) -> None:
    kwargs = {"net_arch": net_arch, "activation_fn": nn.ELU}
    model = KINDS[name].model(cue_lanes(2), policy_kwargs=kwargs).learn(24)
    network = model.learner.network
    parts = [getattr(network, "actor", network), getattr(network, "critic", network)]
    pi, vf = (net_arch["pi"], net_arch["vf"]) if isinstance(net_arch, dict) else (net_arch, net_arch)
    shapes = [
        [each.out_features for each in part.modules() if isinstance(each, nn.Linear)]
        for part in (parts[0].policy_head, nn.ModuleList([parts[1].value_layers or nn.Identity()]))
    ]
    assert shapes == [[*pi, 2], vf]
    assert any(isinstance(each, nn.ELU) for each in network.modules()) == bool(net_arch)
    assert isinstance(network.value_head, nn.Linear)
    model.save(tmp_path / "model")
    loaded = model.load(tmp_path / "model", cue_lanes(2), policy_kwargs=kwargs)
    observation = np.eye(3, dtype=np.float32)
    predictions = [each.predict(observation, deterministic=True)[0] for each in (model, loaded)]
    assert np.array_equal(*predictions)
    loaded.learn(12)


@pytest.mark.parametrize("name", UNROLLS)
def test_what_the_policy_does_not_take_is_refused_by_name(name: str) -> None:
    with pytest.raises(TypeError, match=r"policy_kwargs: \w+Policy takes no 'activation', did you mean"):
        KINDS[name].model(CueEnv(), policy_kwargs={"activation": nn.ReLU})
    with pytest.raises(TypeError, match="policy_kwargs must be a dictionary, got list"):
        KINDS[name].model(CueEnv(), policy_kwargs=["net_arch"])


@pytest.mark.parametrize(
    ("agent", "policy", "name", "setting"),
    [
        (ALD, "LstmPolicy", "lstm_hidden_size", "actor_hidden_size"),
        (VMPO, "LstmPolicy", "lstm_hidden_size", "lstm_hidden_size"),
        (VMPO, "GTrXLPolicy", "layers", "learner_layers"),
        (VMPO, "GTrXLPolicy", "gate_bias", "learner_gate_bias"),
        (VMPO, "AsymmetricPolicy", "mlp_width", "learner_mlp_width"),
        (VMPO, "AsymmetricPolicy", "lstm_hidden_size", "lstm_hidden_size"),
    ],
)
def test_a_size_that_is_a_setting_is_refused_with_its_name(
    agent: Any, policy: str, name: str, setting: str
) -> None:
    said = f"policy_kwargs must not hold {name!r}, which is a setting: {agent.__name__}(..., {setting}=4)"
    with pytest.raises(ValueError, match=re.escape(said)):
        agent(policy, CueEnv(), policy_kwargs={name: 4})


@pytest.mark.parametrize(
    ("agent", "policy", "name", "setting"),
    [
        (ALD, "LstmPolicy", "actor_hidden_size", None),
        (ALD, "LstmPolicy", "learner_layers", None),
        (ALD, "LstmPolicy", "gamma", None),
        (VMPO, "LstmPolicy", "learner_width", None),
        (VMPO, "GTrXLPolicy", "learner_layers", None),
        (ALD, "LstmPolicy", "hidden_size", "actor_hidden_size"),
        (ALD, "LstmPolicy", "actor_hidden", "actor_hidden_size"),
        (ALD, "LstmPolicy", "ent_coef", "entropy_coef"),
        (ALD, "LstmPolicy", "heads", "learner_heads"),
        (ALD, "LstmPolicy", "d_model", "learner_width"),
        (VMPO, "LstmPolicy", "hidden_size", "lstm_hidden_size"),
        (VMPO, "GTrXLPolicy", "n_heads", "learner_heads"),
        (VMPO, "GTrXLPolicy", "mlp_widht", "learner_mlp_width"),
    ],
)
def test_a_setting_among_the_arguments_of_the_policy_is_known(
    agent: Any, policy: str, name: str, setting: str | None
) -> None:
    said = (
        rf"takes no {name!r}, did you mean the setting {setting!r}\? \({agent.__name__}\(\.\.\., {setting}="
    )
    if setting is None:
        said = rf"takes no {name!r}, which is a setting: {agent.__name__}\(\.\.\., {name}=4\)"
    with pytest.raises(TypeError, match=said):
        agent(policy, CueEnv(), policy_kwargs={name: 4})


def test_what_a_policy_passes_on_is_no_argument_to_propose() -> None:
    for name in ("arg", "kwarg", "slef"):
        with pytest.raises(TypeError, match=f"takes no {name!r}$"):
            VMPO("LstmPolicy", CueEnv(), policy_kwargs={name: 4})


# --- Images -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "space",
    [FLOATS, spaces.Box(0, 255, (36, 36, 3), np.uint8), spaces.Box(0, 1, (1, 40, 36), np.float64)],
    ids=str,
)
def test_the_cnn_policy_has_a_cnn_for_images_of_any_type(space: spaces.Space[Any], tmp_path: Path) -> None:
    model = ALD("CnnLstmPolicy", lanes(space), seed=0, device="cpu", **SETTINGS).learn(12)
    for extractor in (model.policy.features_extractor, model.learner.network.encoder.extractor):
        assert isinstance(extractor, NatureCNN)
    model.save(tmp_path / "model")
    loaded = ALD.load(tmp_path / "model", device="cpu")
    assert differences(dict(model.policy.state_dict()), dict(loaded.policy.state_dict())) == []


@pytest.mark.parametrize(
    "space",
    [spaces.Box(-1, 1, (3,), np.float32), spaces.Box(-1, 1, (36, 36, 3), np.float32)],
    ids=str,
)
def test_the_cnn_policy_refuses_what_is_no_image(space: spaces.Space[Any]) -> None:
    with pytest.raises(ValueError, match="CnnLstmPolicy takes images with their channels first, got"):
        ALD("CnnLstmPolicy", lanes(space), device="cpu", **SETTINGS)


@every_kind
def test_images_too_small_for_the_cnn_are_refused_in_words(name: str) -> None:
    if name == "random":
        return
    small = spaces.Box(0, 255, (16, 16, 3), np.uint8)
    with pytest.raises(ValueError, match="at least 36 x 36 pixels, got 16 x 16"):
        KINDS[name].model(lanes(small))


def test_settings_come_before_environments() -> None:
    """What is wrong with them is known before an environment is made."""
    with pytest.raises(TypeError, match="config must be"):
        ALD("LstmPolicy", "Nowhere-v0", 1e-3)
    assert ALD("LstmPolicy", CueEnv(), ALDConfig(**SETTINGS)).config.unroll_length == 6


# --- Policies and kinds of observations ---------------------------------------------------------------

PICTURE, VECTOR = spaces.Box(0, 255, (3, 36, 36), np.uint8), spaces.Box(-1, 1, (3,), np.float32)
DICT = spaces.Dict(a=VECTOR, b=spaces.Discrete(3))


@pytest.mark.parametrize(
    ("agent", "policy", "space", "hint"),
    [
        (RecurrentPPOAgent, "MlpLstmPolicy", DICT, "MultiInputLstmPolicy"),
        (RecurrentPPOAgent, "CnnLstmPolicy", DICT, "MultiInputLstmPolicy"),
        (RecurrentPPOAgent, "CnnLstmPolicy", VECTOR, "MlpLstmPolicy"),
        (RecurrentPPOAgent, "CnnLstmPolicy", spaces.Discrete(3), "MlpLstmPolicy"),
        (RecurrentPPOAgent, "MultiInputLstmPolicy", VECTOR, "MlpLstmPolicy"),
        (RecurrentPPOAgent, "MultiInputLstmPolicy", PICTURE, "CnnLstmPolicy"),
        (PPOAgent, "CnnPolicy", VECTOR, "MlpPolicy"),
        (PPOAgent, "MultiInputPolicy", VECTOR, "MlpPolicy"),
        (FastRecurrentPPO, "MlpLstmPolicy", DICT, "MultiInputLstmPolicy"),
        (FastRecurrentPPO, "MultiInputLstmPolicy", VECTOR, "MlpLstmPolicy"),
    ],
)
def test_a_policy_for_other_observations_is_refused_with_the_one_for_these(
    agent: Any, policy: str, space: spaces.Space[Any], hint: str
) -> None:
    with pytest.raises(ValueError, match=f"{policy}.* (does not take|takes).*, got .*{hint}") as refusal:
        agent(policy, lanes(space), device="cpu")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("policy", "space"),
    [("MlpLstmPolicy", PICTURE), ("CnnLstmPolicy", PICTURE), ("MultiInputLstmPolicy", DICT)],
)
def test_policies_for_these_observations_are_taken(policy: str, space: spaces.Space[Any]) -> None:
    RecurrentPPOAgent(policy, lanes(space), device="cpu", lstm_hidden_size=8).policy.set_training_mode(False)
