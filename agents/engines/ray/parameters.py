"""How processes come to the actor's parameters: by shared memory on their node, else through a server."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
import torch
from ray import cloudpickle
from torch import Tensor, nn

from agents.engines.ray.payload import to_arrays
from agents.engines.ray.shared import ParameterBlock, map_memory
from agents.learning.networks.actor_critic import ActorCritic
from agents.process.torch_modes import denormals_as_zero


def settle() -> None:
    """What every process of the engine but the driver begins with."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the driver, which ends its workers
    torch.set_num_threads(1)


@dataclass(frozen=True)
class Trainable:
    """The actor's network with the optimizer of these very parameters, which must travel together.

    Attributes:
        content: Both, pickled.
    """

    content: bytes

    @classmethod
    def of(cls, network: ActorCritic, optimizer: torch.optim.Optimizer) -> Trainable:
        """Pickle them."""
        return cls(cloudpickle.dumps((network, optimizer)))

    def copies(self) -> tuple[ActorCritic, torch.optim.Optimizer]:
        """Return new ones."""
        copies: tuple[ActorCritic, torch.optim.Optimizer] = pickle.loads(self.content)
        return copies


@dataclass(frozen=True)
class Access:
    """How a worker comes to the actor's parameters.

    Attributes:
        node: Where they lie in shared memory, by Ray's id.
        path: Of that memory, on that node.
        server: A `ParameterServer` for workers of other nodes; None where there are none.
    """

    node: str
    path: str
    server: Any = None

    @property
    def is_here(self) -> bool:
        """Whether this process can reach the memory itself."""
        return bool(ray.get_runtime_context().get_node_id() == self.node)

    def read(self) -> Callable[[], Tensor]:
        """Return a function that returns the bytes of counter and parameters as they are then."""
        if self.is_here:
            memory = map_memory(self.path)
            return lambda: memory
        if self.server is None:
            raise RuntimeError("this worker came to run on a node that joined after training had begun")
        return lambda: torch.tensor(ray.get(self.server.read.remote()))


class ParameterServer:
    """Parameters and moments for the workers of other nodes; it runs on the node where they lie.

    It keeps nothing of its own, so that a new one can take its place at any moment.

    Args:
        trainable: The network, whose parameters will be replaced, and their optimizer.
        path: Of the shared memory.
    """

    def __init__(self, trainable: Trainable, path: str) -> None:
        network, optimizer = trainable.copies()
        settle()
        block = ParameterBlock(network, optimizer)
        self._memory = map_memory(path)
        block.look_into(self._memory)
        self._acting_size = block.acting_size
        self._network, self._optimizer = network, optimizer

    def read(self) -> np.ndarray:
        """Counter and parameters, [acting_size] uint8."""
        return self._memory[: self._acting_size].numpy().copy()

    def step(
        self, gradients: Sequence[np.ndarray | None], buffers: Sequence[np.ndarray], learning_rate: float
    ) -> np.ndarray:
        """Follow gradients, take over buffers, and return what `read` does.

        Args:
            gradients: In the order of the network's parameters.
            buffers: In its order, such as running statistics. Those of the distiller that came last count.
            learning_rate: Of the step.
        """
        for own, buffer in zip(self._network.buffers(), buffers, strict=True):
            own.copy_(torch.tensor(buffer))
        for parameter, gradient in zip(self._network.parameters(), gradients, strict=True):
            parameter.grad = None if gradient is None else torch.tensor(gradient)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        with denormals_as_zero():
            self._optimizer.step()
        return self.read()


class ServedOptimizer:
    """Sends gradients and buffers to where the parameters are, and fetches what became of them.

    Args:
        network: Whose they are, and whose parameters lie in `memory`.
        memory: [acting_size] uint8.
        server: The `ParameterServer`.
    """

    def __init__(self, network: nn.Module, memory: Tensor, server: Any) -> None:
        self._network, self._memory, self._server = network, memory, server
        self.learning_rate: float | None = None

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._network.zero_grad()

    def step(self) -> None:
        """Let the server follow the gradients, and go on from its parameters."""
        gradients = [parameter.grad for parameter in self._network.parameters()]
        sent = to_arrays((gradients, list(self._network.buffers())))
        served = ray.get(self._server.step.remote(*sent, self.learning_rate))
        self._memory.copy_(torch.tensor(served))
