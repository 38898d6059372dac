"""What runs on a GPU: every agent, every core, files that go from one device to another, mixed placement.

Without a GPU the same tests run on the CPU, so that it is the device that fails and not the test.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.ald import ALD
from agents.engines.ray import RaySettings
from agents.engines.ray.payload import to_arrays, to_tensors
from agents.learning.networks.cores import ACTOR_CORES, LEARNER_CORES
from agents.learning.unroll import Unroll
from agents.vec_env.make import make_lanes, make_remote_lanes
from tests.support.kinds import KINDS
from tests.support.tiny import LANES, SETTINGS, UNROLL, cue_lanes, maze_lanes

pytestmark = pytest.mark.usefixtures("one_thread")

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
on_each_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=NO_GPU)])


def tensors(model: Any) -> dict[str, Tensor]:
    """All weights of a model, by name."""
    return {
        f"{part}.{name}": value
        for part, state in model.get_parameters().items()
        if "optimizer" not in part
        for name, value in state.items()
    }


def assert_placed(model: Any, device: str) -> None:
    found = tensors(model)
    assert found and {value.device.type for value in found.values()} == {device}
    assert all(torch.isfinite(value).all() for value in found.values() if value.is_floating_point())


def assert_alike(model: Any, other: Any, **tolerances: float) -> None:
    ours, theirs = tensors(model), tensors(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        torch.testing.assert_close(value.cpu(), theirs[name].cpu(), msg=name, **tolerances)


@on_each_device
@pytest.mark.parametrize("name", [name for name in KINDS if name != "random"])
def test_every_agent_learns_acts_and_goes_to_another_device_and_back(
    name: str, device: str, tmp_path: Path
) -> None:
    kind = KINDS[name]
    model = kind.model(cue_lanes(), device=device).learn(36)
    assert_placed(model, device)
    observation = np.eye(3, dtype=np.float32)
    actions, _ = model.predict(observation, deterministic=True)
    model.save(tmp_path / "model")
    for place in ("cpu", device):
        loaded = kind.algorithm.load(tmp_path / "model", cue_lanes(), device=place)
        assert_placed(loaded, place)
        assert_alike(model, loaded, rtol=0, atol=0)
        assert np.array_equal(loaded.predict(observation, deterministic=True)[0], actions)
        loaded.learn(24, reset_num_timesteps=False).save(tmp_path / "model")
        model = loaded
        actions, _ = model.predict(observation, deterministic=True)


@on_each_device
@pytest.mark.parametrize("core", [*LEARNER_CORES, *ACTOR_CORES])
def test_every_core_and_all_that_a_loss_may_add_run_there(core: str, device: str) -> None:
    sides: dict[str, Any] = {"learner_core": core} if core in LEARNER_CORES else {}
    sides |= {"actor_core": core} if core in ACTOR_CORES else {}
    more = {"reward_prediction_coef": 0.1, "learner_sees_actions": True, "entropy_coef": 0.01}
    model = ALD("LstmPolicy", cue_lanes(), seed=0, device=device, **{**SETTINGS, **more, **sides})
    assert_placed(model.learn(2 * UNROLL), device)


@on_each_device
def test_memory_targets_are_predicted_there(device: str) -> None:
    env = make_lanes("MemoryEnvs/IMaze-v0", LANES, {"analysis": ["known_cue"]})
    model = ALD("LstmPolicy", env, seed=0, device=device, memory_targets=("known_cue",), **SETTINGS)
    assert_placed(model.learn(2 * UNROLL), device)


@on_each_device
def test_losses_are_those_of_the_cpu(device: str, tmp_path: Path) -> None:
    """The same model and the same unroll."""
    here = ALD("LstmPolicy", cue_lanes(), seed=0, device="cpu", **SETTINGS)
    here.learn(UNROLL).save(tmp_path / "model")
    there = ALD.load(tmp_path / "model", cue_lanes(), device=device)
    unroll = here.replay.unrolls[-1]
    moved = Unroll.from_tree(to_tensors(to_arrays(unroll.to_tree()), torch.device(device)))
    ours, theirs = here.learner.evaluate(unroll).loss, there.learner.evaluate(moved).loss
    assert theirs.device.type == device and ours != 0
    torch.testing.assert_close(ours, theirs.cpu(), rtol=1e-3, atol=1e-4)


@on_each_device
def test_a_resumed_training_goes_on_as_the_uninterrupted_one(device: str, tmp_path: Path) -> None:
    def fresh() -> ALD:
        return ALD("LstmPolicy", maze_lanes(), seed=0, device=device, **SETTINGS)

    straight = fresh().learn(4 * UNROLL)
    fresh().learn(2 * UNROLL).save(tmp_path / "half")
    second = ALD.load(tmp_path / "half", maze_lanes(), device=device, force_reset=False)
    second.learn(2 * UNROLL, reset_num_timesteps=False)
    assert_alike(straight, second, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@on_each_device
def test_the_ray_engine_learns_there_and_acts_on_the_cpu(device: str) -> None:
    pytest.importorskip("ray")
    env = make_remote_lanes("MemoryEnvs/IMaze-v0", LANES)
    model = ALD("LstmPolicy", env, seed=0, device=device, engine=RaySettings(num_actors=2), **SETTINGS)
    model.learn(8 * UNROLL)
    assert {each.device.type for each in model.learner.network.parameters()} == {device}
    assert {each.device.type for each in model.policy.parameters()} == {"cpu"}
