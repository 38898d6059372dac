"""Which policies can be exported, and what is in the file."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import (
    RecurrentActorCriticPolicy,
    RecurrentMultiInputActorCriticPolicy,
)
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import NatureCNN
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn

from agents.ald import ALD
from agents.baselines.recurrent_ppo.policies import FastLstmPolicy
from agents.export import exporter
from agents.export.check import ExportError, check_agreement
from agents.export.exporter import export_actor
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import without_seal
from tests.support.exported import BOX, IMAGE, LANES, Scaled, assert_same_play, policy, scatter
from tests.support.tiny import SETTINGS, CueEnv, differences

pytestmark = pytest.mark.usefixtures("one_thread")


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "layers": {"net_arch": {"pi": [5], "vf": [7, 6]}, "activation_fn": nn.ReLU},
    "own extractor": {"features_extractor_class": Scaled},
    "linear critic": {"kind": RecurrentActorCriticPolicy, "enable_critic_lstm": False},
    "two extractors": {
        "kind": RecurrentActorCriticPolicy,
        "share_features_extractor": False,
        "features_extractor_class": Scaled,
    },
    "no bias": {"lstm_kwargs": {"bias": False}},
    "discrete": {"space": spaces.Discrete(6)},
    "unbounded": {"space": spaces.Box(-np.inf, np.inf, (2, 3), np.float64)},
    "raw image": {"space": IMAGE, "features_extractor_class": NatureCNN, "normalize_images": False},
    "image in a dict": {
        "kind": RecurrentMultiInputActorCriticPolicy,
        "space": spaces.Dict(b=IMAGE, a=BOX, c=BOX),
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_of_sb3_contrib_can_be_exported(name: str, tmp_path: Path) -> None:
    built = policy(**ARCHITECTURES[name])
    export = export_actor(built, tmp_path / "actor.onnx")
    assert export.agreement.episodes > 5
    assert_same_play(built, OnnxActor(tmp_path / "actor.onnx"), built.observation_space)


def test_the_policy_of_recurrent_ppo_made_faster_can_be_exported(tmp_path: Path) -> None:
    built = policy(FastLstmPolicy)
    export_actor(built, tmp_path / "actor.onnx")
    assert_same_play(built, OnnxActor(tmp_path / "actor.onnx"), built.observation_space)


@pytest.mark.parametrize(
    ("core", "states", "version"),
    [("gru", ["state_h"], 1), ("lru", ["state_real", "state_imaginary"], 2)],
    ids=["gru", "lru"],
)
def test_an_actor_with_another_core_has_the_states_of_that_core(
    core: str, states: list[str], version: int, tmp_path: Path
) -> None:
    built, path = policy(core=core), tmp_path / "actor.onnx"
    export = export_actor(built, path)
    assert export.agreement.episodes > 5
    assert export.inputs == ("observation", *states, "episode_start")
    actor = OnnxActor(path)
    assert actor.metadata["states"] == dict.fromkeys(states, [1, "N", 8])
    assert actor.metadata["version"] == version  # what older releases can read says so
    assert_same_play(built, actor, BOX)
    outputs = [onnx.helper.printable_value_info(each) for each in onnx.load(path).graph.output]
    assert outputs[3:] == [f"%next_{name}[FLOAT, 1xNx8]" for name in states]
    other = policy(core=core)
    with torch.no_grad():
        next(other.lstm_actor.parameters()).view(-1)[0] += 0.5
    with pytest.raises(ExportError, match="(logits|state_.*) by up to"):
        check_agreement(other, OnnxActor(without_seal(path.read_bytes())))


def test_evaluate_policy_finds_the_same_episodes(tmp_path: Path) -> None:
    env = DummyVecEnv([CueEnv] * LANES)
    model = ALD("LstmPolicy", env, seed=0, device="cpu", **SETTINGS)
    scatter(model.policy)
    assert export_actor(model, tmp_path / "actor.onnx").path == tmp_path / "actor.onnx"
    results = []
    for each in (model, OnnxActor(tmp_path / "actor.onnx")):
        env.seed(7)
        results.append(
            evaluate_policy(each, env, 40, deterministic=True, return_episode_rewards=True, warn=False)
        )
    assert results[0] == results[1]
    assert set(results[0][0]) == {0.0, 1.0}


def test_the_graph_takes_observations_as_the_environment_gives_them(
    file: Path, mixed: tuple[RecurrentPPO, Path]
) -> None:
    graph = onnx.load(mixed[1]).graph
    described = {each.name: onnx.helper.printable_value_info(each) for each in graph.input}
    assert described["observation.bits"] == "%observation.bits[INT8, Nx2]"
    assert described["observation.count"] == "%observation.count[INT64, N]"
    assert described["observation.vector"] == "%observation.vector[FLOAT, Nx3]"
    assert described["episode_start"] == "%episode_start[BOOL, N]"
    assert described["critic_state_c"] == "%critic_state_c[FLOAT, 2xNx8]"
    outputs = [onnx.helper.printable_value_info(each) for each in onnx.load(file).graph.output]
    assert outputs == [
        *("%logits[FLOAT, Nx3]", "%action[INT64, N]", "%value[FLOAT, N]"),
        *("%next_state_h[FLOAT, 1xNx8]", "%next_state_c[FLOAT, 1xNx8]"),
    ]


def test_the_file_says_what_it_is(mixed: tuple[RecurrentPPO, Path]) -> None:
    model, path = mixed
    actor = OnnxActor(path)
    assert actor.observation_space == model.observation_space
    assert actor.action_space == model.action_space
    assert actor.metadata["states"]["state_h"] == [2, "N", 8]
    assert actor.metadata["versions"]["torch"] == torch.__version__
    onnx.checker.check_model(onnx.load(path), full_check=True)


def test_the_file_holds_no_more_than_weights_and_a_few_kilobytes(
    small: RecurrentActorCriticPolicy, file: Path
) -> None:
    weights = 4 * sum(parameter.numel() for parameter in small.parameters())
    content = file.read_bytes()
    assert len(content) < weights + 6_000
    assert str(Path(exporter.__file__).parent).encode() not in content
    assert b"site-packages" not in content


def test_a_model_is_unchanged_by_its_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "_content", lambda copied: scatter(copied) or b"graph")
    monkeypatch.setattr(exporter, "check_agreement", lambda *arguments: None)
    monkeypatch.setattr(exporter, "OnnxActor", lambda content: None)
    built = policy()
    built.set_training_mode(True)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    export_actor(built, tmp_path / "actor.onnx")
    assert built.training and differences(before, dict(built.state_dict())) == []


def test_a_file_that_disagrees_never_appears(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = policy()
    scatter(other)
    monkeypatch.setattr(exporter, "_content", lambda copied: file.read_bytes())
    target = tmp_path / "actor.onnx"
    target.write_bytes(b"what was there")
    with pytest.raises(ExportError):
        export_actor(other, target)
    assert target.read_bytes() == b"what was there" and list(tmp_path.iterdir()) == [target]


def test_actions_that_do_not_start_at_0_are_refused(tmp_path: Path) -> None:
    actions = spaces.Discrete(3, start=1)
    built = RecurrentActorCriticPolicy(BOX, actions, lambda _: 1e-3, lstm_hidden_size=8)
    with pytest.raises(ValueError, match=f"Discrete space .* that start at 0.*{re.escape(str(actions))}"):
        export_actor(built, tmp_path / "actor.onnx")


def test_noise_that_depends_on_the_state_is_refused(tmp_path: Path) -> None:
    built = RecurrentActorCriticPolicy(BOX, BOX, lambda _: 1e-3, lstm_hidden_size=8, use_sde=True)
    with pytest.raises(ValueError, match="use_sde=True cannot be exported"):
        export_actor(built, tmp_path / "actor.onnx")


def test_policies_without_an_lstm_are_refused(tmp_path: Path) -> None:
    built = ActorCriticPolicy(BOX, spaces.Discrete(3), lambda _: 1e-3)
    with pytest.raises(
        TypeError, match="RecurrentActorCriticPolicy.*ALD and RecurrentPPO.*ActorCriticPolicy"
    ):
        export_actor(built, tmp_path / "actor.onnx")


class Branching(Scaled):
    """What depends on values cannot be written as a graph."""

    def forward(self, observation: Tensor) -> Tensor:
        return self.layer(observation) if observation.sum() > 0 else self.layer(-observation)


def test_a_network_that_torch_cannot_export_is_refused(tmp_path: Path) -> None:
    built = policy(features_extractor_class=Branching)
    with pytest.raises(ExportError, match="torch cannot export a LSTMActorPolicy of this kind"):
        export_actor(built, tmp_path / "actor.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("library", ["onnx", "onnxscript"])
def test_a_missing_exporter_names_the_extra(
    library: str, small: RecurrentActorCriticPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f'needs {library},.*pip install "memory-envs\\[export\\]"'):
        export_actor(small, tmp_path / "actor.onnx")
