"""Parameters and moments in shared memory are those of the model, and the memory leaves no trace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from agents.engines.ray.parameters import Trainable
from agents.engines.ray.shared import ParameterBlock, SharedMemory, counter, map_memory
from tests.support.processes import shared_files
from tests.support.tiny import UNROLL, differences, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


def test_two_processes_see_one_memory_that_leaves_no_name() -> None:
    before = shared_files()
    memory = SharedMemory(128)
    counter(memory.bytes).fill_(1)
    if (child := os.fork()) == 0:
        counter(map_memory(memory.path)).add_(41)
        os._exit(0)
    os.waitpid(child, 0)
    assert int(counter(memory.bytes)) == 42 and shared_files() == before
    memory.close()
    with pytest.raises(OSError):
        map_memory(memory.path)
    assert int(counter(memory.bytes)) == 42  # who mapped it keeps it


def test_memory_without_a_nameless_kind_is_a_file_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    memory = SharedMemory(64)
    counter(map_memory(memory.path)).fill_(7)
    assert int(counter(memory.bytes)) == 7 and Path(memory.path).exists()
    memory.close()
    assert not Path(memory.path).exists()


def test_a_distiller_elsewhere_moves_the_parameters_and_moments_of_the_model() -> None:
    model, twin = maze_model(), maze_model()
    for each in (model, twin):
        each.learn(UNROLL)
    trainable = Trainable.of(model.actor.network, model.policy.optimizer)
    block = ParameterBlock(model.actor.network, model.policy.optimizer)
    memory = SharedMemory(block.size)
    block.move_to(memory.bytes)
    assert differences(model.policy.state_dict(), twin.policy.state_dict()) == []
    network, optimizer = trainable.copies()
    ParameterBlock(network, optimizer).look_into(map_memory(memory.path))
    other = type(model.distiller)(network, optimizer, model.config)
    for _ in range(3):
        other.update(model.replay.unrolls[-1])
        twin.distiller.update(twin.replay.unrolls[-1])
    assert differences(model.policy.state_dict(), twin.policy.state_dict()) == []
    assert differences(model.policy.optimizer.state_dict(), twin.policy.optimizer.state_dict()) == []
    memory.close()


def test_moments_of_other_optimizers_are_refused() -> None:
    network = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="got the optimizer SGD"):
        ParameterBlock(network, torch.optim.SGD(network.parameters(), lr=0.1))
