"""An exported actor is the policy it came from, and runs where there is no torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from functools import partial
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
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, NatureCNN
from stable_baselines3.common.vec_env import DummyVecEnv
from torch import Tensor, nn

from agents.ald import ALD
from agents.ald.policy import LSTMActorPolicy
from agents.baselines.recurrent_ppo.policies import FastLstmPolicy
from agents.export import __main__ as export_program
from agents.export import exporter, latency
from agents.export.check import ABSOLUTE, RELATIVE, ExportError, check_agreement, sample_observations
from agents.export.exporter import export_actor
from agents.export.onnx_actor import METADATA_KEY, OnnxActor
from tests.support import ROOT
from tests.support.tiny import SETTINGS, CueEnv, Showcase, differences, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (3, 36, 40), np.uint8)
MIXED = spaces.Dict(vector=BOX, count=spaces.Discrete(5), bits=spaces.MultiBinary(2))
LANES, STEPS = 4, 12


def scatter(module: nn.Module) -> None:
    """SB3 begins with heads so small that all policies look alike; extractors are left as they are."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "features_extractor" not in name:
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))


def policy(
    kind: type[RecurrentActorCriticPolicy] = LSTMActorPolicy, space: spaces.Space[Any] = BOX, **kwargs: Any
) -> RecurrentActorCriticPolicy:
    torch.manual_seed(0)
    built = kind(space, spaces.Discrete(3), lambda _: 1e-3, **{"lstm_hidden_size": 8, **kwargs})
    scatter(built)
    return built


def starts() -> np.ndarray:
    """[T, B] bool: some lanes begin with the window, all begin again inside it."""
    is_first = np.zeros((STEPS, LANES), bool)
    is_first[[0, 4, 0, 5, 9, 3, 7], [0, 0, 1, 1, 1, 2, 3]] = True
    return is_first


@pytest.fixture(scope="module")
def small() -> RecurrentActorCriticPolicy:
    return policy()


@pytest.fixture(scope="module")
def file(small: RecurrentActorCriticPolicy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("export") / "actor.onnx"
    export_actor(small, path)
    return path


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RecurrentPPO, Path]:
    """RecurrentPPO as it comes: the critic has an LSTM of its own."""
    env = DummyVecEnv([partial(Showcase, MIXED, spaces.Discrete(3))])
    model = RecurrentPPO(
        "MultiInputLstmPolicy", env, device="cpu", policy_kwargs={"lstm_hidden_size": 8, "n_lstm_layers": 2}
    )
    scatter(model.policy)
    path: Path = tmp_path_factory.mktemp("export") / "mixed.onnx"
    export_actor(model, path)
    return model, path


# --- The same actor -------------------------------------------------------------------------------


def assert_same_play(model: Any, actor: OnnxActor, space: spaces.Space[Any]) -> None:
    """The best actions and the memory along a row of observations, resets included."""
    theirs = ours = None
    for t in range(STEPS):
        observation, first = sample_observations(space, LANES, seed=t), starts()[t]
        expected, theirs = model.predict(observation, theirs, first, deterministic=True)
        actions, ours = actor.predict(observation, ours, first, deterministic=True)
        assert actions.dtype == expected.dtype and np.array_equal(actions, expected)
        for left, right in zip(theirs, ours, strict=False):
            np.testing.assert_allclose(left, right, RELATIVE, ABSOLUTE)


def test_an_exported_actor_plays_as_its_policy_does(small: RecurrentActorCriticPolicy, file: Path) -> None:
    assert_same_play(small, OnnxActor(file), BOX)


def test_recurrent_ppo_with_two_lstms_of_two_layers_and_dict_observations(
    mixed: tuple[RecurrentPPO, Path],
) -> None:
    model, path = mixed
    actor = OnnxActor(path)
    assert [each.shape for each in actor.initial_state(5)] == [(2, 5, 8)] * 4
    assert list(actor.metadata["states"]) == ["state_h", "state_c", "critic_state_h", "critic_state_c"]
    assert_same_play(model, actor, MIXED)


def test_values_are_those_of_the_critics_own_memory(mixed: tuple[RecurrentPPO, Path]) -> None:
    model, path = mixed
    actor = OnnxActor(path)
    state = tuple(np.tanh(np.arange(each.size).reshape(each.shape)) for each in actor.initial_state(LANES))
    observation = sample_observations(MIXED, LANES, seed=0)
    tensors = {key: torch.as_tensor(each) for key, each in observation.items()}
    critic = tuple(torch.as_tensor(each, dtype=torch.float32) for each in state[2:])
    with torch.no_grad():
        expected = model.policy.predict_values(tensors, critic, torch.zeros(LANES)).squeeze(-1)
    np.testing.assert_allclose(actor.step(observation, state)[0].value, expected, rtol=1e-4, atol=1e-5)


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


class Scaled(BaseFeaturesExtractor):
    """A user's own extractor."""

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, 4)
        self.layer = nn.Linear(3, 4)

    def forward(self, observation: Tensor) -> Tensor:
        return torch.sin(self.layer(observation)) * torch.arange(1.0, 5.0)


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


@pytest.mark.slow
def test_images_may_have_their_channels_last(tmp_path: Path) -> None:
    built = policy(space=IMAGE)
    export_actor(built, tmp_path / "actor.onnx")
    actor = OnnxActor(tmp_path / "actor.onnx")
    images = sample_observations(IMAGE, LANES, seed=0)
    for given in (images, np.moveaxis(images, 1, -1)):
        actions, state = actor.predict(given, deterministic=True)
        expected, expected_state = built.predict(given, deterministic=True)
        assert np.array_equal(actions, expected)
        np.testing.assert_allclose(state[0], expected_state[0], rtol=1e-4, atol=1e-5)
        assert actor.predict(given[0], deterministic=True)[0] == expected[0]


# --- Memory and lanes -----------------------------------------------------------------------------


def test_nothing_outlives_an_episode(file: Path) -> None:
    actor = OnnxActor(file)
    observation, lost = sample_observations(BOX, 2, seed=0), tuple(np.full((2, 1, 2, 8), np.nan, np.float32))
    fresh, _ = actor.step(observation)
    said, _ = actor.step(observation, lost, np.array([True, False]))
    assert np.array_equal(said.logits[0], fresh.logits[0]) and np.isnan(said.logits[1]).all()


def test_lanes_do_not_touch_each_other(file: Path) -> None:
    actor = OnnxActor(file)
    observation = sample_observations(BOX, 7, seed=0)
    together, (h, _) = actor.step(observation)
    for lane in range(7):
        alone, (h_alone, _) = actor.step(observation[lane : lane + 1])
        np.testing.assert_allclose(alone.logits[0], together.logits[lane], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(h_alone[:, 0], h[:, lane], rtol=1e-5, atol=1e-6)


def test_one_environment_gets_one_action_as_from_sb3(small: RecurrentActorCriticPolicy, file: Path) -> None:
    observation = sample_observations(BOX, 1, seed=0)[0]
    expected, _ = small.predict(observation, deterministic=True)
    action, state = OnnxActor(file).predict(observation, deterministic=True)
    assert np.shape(action) == np.shape(expected) == () and action == expected
    assert state[0].shape == (1, 1, 8)


def test_sampled_actions_have_the_policys_probabilities(file: Path) -> None:
    actor = OnnxActor(file, seed=0)
    lanes = 20_000
    observation = np.repeat(sample_observations(BOX, 1, seed=3), lanes, axis=0)
    logits = actor.step(observation)[0].logits[0].astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    found = np.bincount(actor.predict(observation)[0], minlength=3) / lanes
    assert expected.min() > 0.01
    assert np.all(np.abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / lanes))


def test_a_seed_repeats_the_samples_and_another_does_not(file: Path) -> None:
    observation = sample_observations(BOX, 200, seed=0)
    first, again, other = (OnnxActor(file, seed=seed).predict(observation)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


# --- The file -------------------------------------------------------------------------------------


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
    built = policy()
    built.set_training_mode(True)
    before = {name: value.clone() for name, value in built.state_dict().items()}
    export_actor(built, tmp_path / "actor.onnx")
    assert built.training and differences(before, dict(built.state_dict())) == []


# --- The check ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("action_net.bias", "logits"),
        ("value_net.bias", "value"),
        ("lstm_actor.weight_hh_l0", "(logits|state_.)"),
    ],
)
def test_a_difference_is_found(file: Path, part: str, name: str) -> None:
    other = policy()
    with torch.no_grad():
        other.get_parameter(part).view(-1)[0] += 0.01
    with pytest.raises(
        ExportError, match=rf"differs from its policy at step \d+ of \d lanes: {name} by up to \d"
    ):
        check_agreement(other, file.read_bytes())


def test_a_wrong_action_is_found(small: RecurrentActorCriticPolicy, file: Path) -> None:
    model = onnx.load(file)
    [best] = [node for node in model.graph.node if node.op_type == "ArgMax"]
    best.op_type = "ArgMin"
    with pytest.raises(ExportError, match=r"action \[\d\], the policy has \[\d\]"):
        check_agreement(small, model.SerializeToString())


def test_a_memory_that_is_not_cleared_is_found(small: RecurrentActorCriticPolicy, file: Path) -> None:
    model = onnx.load(file)
    cleared = [node for node in model.graph.node if node.op_type == "Where"]
    assert len(cleared) == 2
    cleared[0].input[1] = cleared[0].input[2]
    with pytest.raises(ExportError, match="differs from its policy at step .* (state_.|logits) by"):
        check_agreement(small, model.SerializeToString())


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


def test_observations_of_the_check_lie_in_the_space_at_a_scale_that_means_something() -> None:
    huge = np.finfo(np.float32).max
    space = spaces.Box(np.array([-1, -huge, 5], np.float32), np.array([1, huge, np.inf], np.float32))
    drawn = sample_observations(space, 500, seed=0)
    assert all(space.contains(each) for each in drawn)
    assert np.abs(drawn[:, 1]).max() < 10 and drawn[:, 1].std() > 0.5


# --- Without torch --------------------------------------------------------------------------------

ALONE = """
import sys
for name in ("torch", "gymnasium", "stable_baselines3", "sb3_contrib", "onnx", "onnxscript"):
    sys.modules[name] = None
import numpy as np
from agents.export.onnx_actor import OnnxActor
actor = OnnxActor(sys.argv[1], seed=0)
actions, state = actor.predict(np.ones((2, 3), np.float32), None, np.ones(2, bool))
actions, state = actor.predict(np.ones((2, 3), np.float32), state, np.zeros(2, bool), True)
print(*actions)
"""


def test_an_actor_runs_on_numpy_and_onnxruntime_alone(small: RecurrentActorCriticPolicy, file: Path) -> None:
    command = [sys.executable, "-c", ALONE, str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    state = small.predict(np.ones((2, 3), np.float32))[1]
    expected, _ = small.predict(np.ones((2, 3), np.float32), state, deterministic=True)
    assert done.stdout.split() == [str(action) for action in expected]


# --- Refusals -------------------------------------------------------------------------------------


def test_wrong_inputs_are_refused_by_name(file: Path, mixed: tuple[RecurrentPPO, Path]) -> None:
    actor, keyed = OnnxActor(file), OnnxActor(mixed[1])
    good = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"observation must have the shape \['N', 3\], got \[2, 4\]"):
        actor.predict(np.zeros((2, 4), np.float32))
    with pytest.raises(TypeError, match="observation must be of dtype float32, got complex64"):
        actor.predict(good * np.complex64(1j))
    with pytest.raises(ValueError, match=r"state_h must have the shape \[1, 2, 8\], got \[1, 3, 8\]"):
        actor.predict(good, actor.initial_state(3))
    with pytest.raises(ValueError, match="state must be a tuple of state_h, state_c, got 1 arrays"):
        actor.predict(good, actor.initial_state(2)[:1])
    with pytest.raises(ValueError, match=r"episode_start must have the shape \[2\], got \[3\]"):
        actor.predict(good, None, np.zeros(3, bool))
    with pytest.raises(ValueError, match=r"keys vector, count, bits, got \['vector'\]"):
        keyed.predict({"vector": good})
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        OnnxActor(file, threads=0)


def test_files_that_are_no_exported_actor_are_refused(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "other.onnx"
    with pytest.raises(FileNotFoundError, match="no exported actor .*other.onnx"):
        OnnxActor(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="other.onnx cannot be read as an ONNX model"):
        OnnxActor(path)
    model = onnx.load(file)
    entry = model.metadata_props[0]
    entry.value = json.dumps(json.loads(entry.value) | {"version": 99})
    with pytest.raises(ValueError, match="version 99, this program reads up to 1"):
        OnnxActor(model.SerializeToString())
    del model.metadata_props[:]
    with pytest.raises(ValueError, match=f"no exported actor: its metadata have no '{METADATA_KEY}'"):
        OnnxActor(model.SerializeToString())


@pytest.mark.parametrize(
    "actions", [spaces.Discrete(3, start=1), spaces.Box(-1, 1, (2,), np.float32)], ids=["start", "box"]
)
def test_only_actions_with_logits_are_exported(actions: spaces.Space[Any], tmp_path: Path) -> None:
    built = RecurrentActorCriticPolicy(BOX, actions, lambda _: 1e-3, lstm_hidden_size=8)
    with pytest.raises(ValueError, match=f"Discrete space that starts at 0.*{re.escape(str(actions))}"):
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


def test_a_missing_runtime_names_the_extra(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"onnxruntime, which is not installed.*memory-envs\[export\]"):
        OnnxActor(file)


# --- The command and the benchmark ----------------------------------------------------------------


def test_the_command_exports_a_model_file_and_compares_its_speed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = partial(latency.latency_table, rounds=2, steps=2)
    monkeypatch.setattr(export_program, "latency_table", short)
    model, out = maze_model(), tmp_path / "actor.onnx"
    model.save(tmp_path / "model.zip")
    assert export_program.main([str(tmp_path / "model.zip"), "--out", str(out), "--benchmark"]) == 0
    said = capsys.readouterr().out
    assert "inputs: observation, state_h, state_c, episode_start\n" in said
    assert "\nMedians of 2 rounds of 2 steps, one thread; " in said
    assert re.search(r"agree over 144 steps with \d+ episode starts, largest difference \d\.\de-0[6-9]", said)
    rows = re.findall(r"^\| (.+?) \| \d+ us \| \d+\.\d \| \d+ us \| \d+\.\d \|$", said, re.M)
    assert rows == [
        *("exported actor, 8 units", "ALD.predict, 8 units"),
        *("RecurrentPPO.predict, 8 units", "RecurrentPPO.predict, 256 units"),
    ]
    assert OnnxActor(out).observation_space == model.observation_space


def test_the_command_refuses_with_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export_program.main([str(tmp_path / "nothing")]) == 2
    assert "error: there is no run directory and no model file" in capsys.readouterr().err


class Sleeper:
    def __init__(self, seconds: float) -> None:
        self.seconds, self.states = seconds, []  # type: tuple[float, list[Any]]

    def predict(self, observation: Any, state: Any, episode_start: Any, deterministic: bool) -> Any:
        time.sleep(self.seconds)
        self.states.append(state)
        return np.zeros(len(observation)), (state or 0) + 1


def test_latency_is_per_step_with_memory_handed_on() -> None:
    contenders = {"fast": Sleeper(0.001), "slow": Sleeper(0.02)}
    fast, slow = latency.measure(contenders, BOX, 2, rounds=5, steps=3, warm_up=1)
    assert fast.ratio == 1 and slow.ratio > 3
    assert 20_000 <= slow.microseconds < 60_000
    assert contenders["slow"].states == [None, *range(1, 16)]
