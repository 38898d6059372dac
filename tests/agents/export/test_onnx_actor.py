"""An exported actor plays as the policy it came from, and runs where there is no torch."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from agents.evaluation.latency import sample_observations
from agents.export.exporter import export_actor
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import METADATA_KEY
from tests.support import ROOT
from tests.support.exported import BOX, IMAGE, LANES, MIXED, assert_same_play, policy

pytestmark = pytest.mark.usefixtures("one_thread")


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
    with pytest.raises(ValueError, match="version 99, this program reads up to 3"):
        OnnxActor(model.SerializeToString())
    del model.metadata_props[:]
    with pytest.raises(ValueError, match=f"not an exported actor: its metadata have no '{METADATA_KEY}'"):
        OnnxActor(model.SerializeToString())


def test_a_missing_runtime_names_the_extra(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"onnxruntime, which is not installed.*memory-envs\[export\]"):
        OnnxActor(file)


# --- Values, and other processes --------------------------------------------------------------------

NUMBERS = spaces.Dict(
    big=spaces.Box(0, 60000, (2,), np.uint16),
    count=spaces.Discrete(5),
    pair=spaces.MultiDiscrete([3, 2]),
    real=BOX,
    small=spaces.Box(0, 255, (2,), np.uint8),
)


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> OnnxActor:
    path = tmp_path_factory.mktemp("export") / "numbers.onnx"
    export_actor(policy(space=NUMBERS), path)
    return OnnxActor(path, seed=3)


@pytest.mark.parametrize(
    ("key", "value", "error", "complaint"),
    [
        ("small", np.array([[300, 0]], np.uint16), ValueError, "from 0 to 255, got 300"),
        ("small", [[300, 0]], ValueError, "from 0 to 255, got 300"),
        ("small", np.array([[-1, 0]], np.int8), ValueError, "from 0 to 255, got -1"),
        ("small", np.array([[1.0, 0]]), TypeError, "of dtype uint8, got float64"),
        ("big", np.array([[70000, 0]]), ValueError, "from 0 to 65535, got 70000"),
        ("count", np.array([5]), ValueError, "from 0 to 4, got 5"),
        ("count", np.array([-1]), ValueError, "from 0 to 4, got -1"),
        ("pair", np.array([[0, 2]]), ValueError, r"from 0 and below \[3, 2\], got \[0, 2\]"),
        ("real", np.array([[1e300, 0, 0]]), ValueError, "finite in float32, got 1e\\+300"),
        ("real", np.array([["a", "b", "c"]]), TypeError, "of dtype float32"),
    ],
)
def test_values_that_the_graph_would_take_for_others_are_refused(
    numbers: OnnxActor, key: str, value: Any, error: type[Exception], complaint: str
) -> None:
    observation = {
        name: each[None] if np.ndim(each) else np.array([each]) for name, each in NUMBERS.sample().items()
    }
    with pytest.raises(error, match=rf"observation\.{key} must be {complaint}"):
        numbers.step({**observation, key: value})


def test_whole_numbers_of_any_type_that_fit_are_taken(numbers: OnnxActor) -> None:
    observation = {
        "big": [[1, 60000]],
        "count": [4],
        "pair": [[2, 1]],
        "real": [[0, 1, 0.5]],
        "small": [[255, 0]],
    }
    said = numbers.step(observation)[0]  # type: ignore[arg-type]
    exact = {name: np.asarray(each, NUMBERS[name].dtype) for name, each in observation.items()}
    assert np.array_equal(said.logits, numbers.step(exact)[0].logits)


def test_an_actor_goes_to_other_processes_and_draws_on(numbers: OnnxActor, tmp_path: Path) -> None:
    observation = sample_observations(NUMBERS, 7, seed=0)
    for copied in (pickle.loads(pickle.dumps(numbers)), copy.deepcopy(numbers)):
        assert copied.metadata == numbers.metadata
        drawn = [each.predict(observation)[0] for each in (copied, copy.deepcopy(numbers))]
        assert np.array_equal(*drawn)
        assert np.array_equal(copied.step(observation)[0].logits, numbers.step(observation)[0].logits)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        [logits] = pool.map(_logits, [(numbers, observation)])
    assert np.array_equal(logits, numbers.step(observation)[0].logits)


def _logits(asked: tuple[OnnxActor, Any]) -> Any:
    actor, observation = asked
    return actor.step(observation)[0].logits


@pytest.mark.parametrize(
    "space", [spaces.Discrete(5), spaces.MultiDiscrete([3, 2]), spaces.MultiBinary(3)], ids=str
)
def test_choices_are_exported(space: spaces.Space[Any], tmp_path: Path) -> None:
    built = policy(space=space)
    export_actor(built, tmp_path / "actor.onnx")
    actor = OnnxActor(tmp_path / "actor.onnx")
    assert_same_play(built, actor, space)
    sample = space.sample()
    assert actor.predict(sample, deterministic=True)[0] == built.predict(sample, deterministic=True)[0]
