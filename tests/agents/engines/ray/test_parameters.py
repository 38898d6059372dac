"""Buffers travel with the parameters: statistics of the actor's network, wherever its distillers run."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.engines.ray import parameters, workers
from agents.engines.ray.parameters import Access, ParameterServer, Trainable
from agents.engines.ray.payload import to_arrays
from agents.engines.ray.shared import ParameterBlock, SharedMemory
from agents.engines.ray.workers import DistillerWorker
from tests.support.tiny import UNROLL, differences, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


class Normed(BaseFeaturesExtractor):
    """BatchNorm, which writes into its buffers, and a mean that is a new tensor in each pass."""

    seen: Tensor

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, get_flattened_obs_dim(observation_space))
        self.batch_norm = nn.BatchNorm1d(self.features_dim)
        self.register_buffer("seen", torch.zeros(self.features_dim))

    def forward(self, observations: Tensor) -> Tensor:
        flat = observations.flatten(1)
        if self.training:
            self.seen = 0.5 * self.seen + flat.mean(0)
        found: Tensor = self.batch_norm(flat - 1e-3 * self.seen)
        return found


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything in this process, without Ray."""
    for module in (parameters, workers):
        monkeypatch.setattr(module, "settle", lambda: None)
        monkeypatch.setattr(module.ray, "get", lambda result: result)


class Elsewhere:
    """A handle of a server on another node: what is sent to it and what comes back are copies."""

    def __init__(self, server: ParameterServer) -> None:
        self.read = SimpleNamespace(remote=server.read)
        self.step = SimpleNamespace(remote=lambda *sent: server.step(*copy.deepcopy(sent)))


@pytest.mark.parametrize("here", [True, False], ids=["on this node", "on another node"])
def test_what_a_distiller_observes_reaches_the_actors(
    here: bool, alone: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, twin = (maze_model(policy_kwargs={"features_extractor_class": Normed}) for _ in range(2))
    for each in (model, twin):
        each.learn(UNROLL)
    network, optimizer = model.actor.network, model.policy.optimizer
    trainable, block = Trainable.of(network, optimizer), ParameterBlock(network, optimizer)
    memory = SharedMemory(block.size)
    block.move_to(memory.bytes)
    monkeypatch.setattr(Access, "is_here", here)
    server = Elsewhere(ParameterServer(trainable, memory.path))
    worker = DistillerWorker(trainable, model.config, Access("node", memory.path, server))
    unroll = model.replay.unrolls[-1]
    before = {name: each.clone() for name, each in network.named_buffers()}
    for _ in range(2):
        worker.distil([(0, to_arrays(unroll.to_tree()))], [0, 0], optimizer.param_groups[0]["lr"])
    for _ in range(4):
        twin.distiller.update(twin.replay.unrolls[-1])
    assert set(before) >= {f"encoder.extractor.{name}" for name in ("seen", "batch_norm.running_var")}
    assert not any(each.equal(before[name]) for name, each in network.named_buffers() if "norm" in name)
    assert differences(model.policy.state_dict(), twin.policy.state_dict()) == []
    acting, _ = trainable.copies()
    own = ParameterBlock(acting)
    own.look_into(torch.tensor(server.read.remote()))  # as an actor elsewhere does
    assert differences(acting.state_dict(), twin.actor.network.state_dict()) == []
    memory.close()


def test_what_the_driver_writes_meanwhile_stays(alone: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean and scale of the values are buffers, too, which the learner sets while distillers are at work."""
    model = maze_model(policy_kwargs={"features_extractor_class": Normed}).learn(UNROLL)
    network, optimizer = model.actor.network, model.policy.optimizer
    trainable, block = Trainable.of(network, optimizer), ParameterBlock(network, optimizer)
    memory = SharedMemory(block.size)
    block.move_to(memory.bytes)
    monkeypatch.setattr(Access, "is_here", False)
    server = ParameterServer(trainable, memory.path)
    elsewhere = Elsewhere(server)
    set_by_driver = iter((2.0, 3.0, 4.0))

    def step(*sent: Any) -> Any:
        model.policy.value_net.mean.fill_(next(set_by_driver))
        return server.step(*copy.deepcopy(sent))

    elsewhere.step = SimpleNamespace(remote=step)
    worker = DistillerWorker(trainable, model.config, Access("node", memory.path, elsewhere))
    tracked = model.policy.features_extractor.batch_norm.num_batches_tracked.clone()
    unroll = [(0, to_arrays(model.replay.unrolls[-1].to_tree()))]
    worker.distil(unroll, [0, 0, 0], optimizer.param_groups[0]["lr"])
    assert model.policy.value_net.mean == 4.0
    assert model.policy.features_extractor.batch_norm.num_batches_tracked == tracked + 3
    memory.close()
