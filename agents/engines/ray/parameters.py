"""How processes come to the actor's parameters: by shared memory on their node, else through a server."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Mapping, Sequence
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
        self._acting_size, self._buffers = block.acting_size, block.buffers
        self._network, self._optimizer = network, optimizer

    def read(self) -> np.ndarray:
        """Counter and parameters, [acting_size] uint8."""
        return self._memory[: self._acting_size].numpy().copy()

    def step(
        self, gradients: Sequence[np.ndarray | None], buffers: Mapping[str, np.ndarray], learning_rate: float
    ) -> np.ndarray:
        """Follow gradients, take over buffers, and return what `read` does.

        Args:
            gradients: In the order of the network's parameters.
            buffers: Those that have changed, by name, such as running statistics. Of several distillers the
                last one counts.
            learning_rate: Of the step.
        """
        for name, buffer in buffers.items():
            self._buffers[name].copy_(torch.tensor(buffer))
        for parameter, gradient in zip(self._network.parameters(), gradients, strict=True):
            parameter.grad = None if gradient is None else torch.tensor(gradient)
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        with denormals_as_zero():
            self._optimizer.step()
        return self.read()


class ServedOptimizer:
    """Sends gradients and changed buffers to where the parameters are, and fetches what became of them.

    Others change buffers, too: the driver those that say what values stand for. So only those are sent that
    are no longer what was fetched.

    Args:
        network: Whose they are.
        access: To the parameters, which are on another node.
    """

    def __init__(self, network: nn.Module, access: Access) -> None:
        self._network, self._server, self._read = network, access.server, access.read()
        self.block = ParameterBlock(network)
        self._memory = torch.zeros(self.block.size, dtype=torch.uint8)
        self.block.look_into(self._memory)
        self.learning_rate: float | None = None

    def fetch(self) -> None:
        """Go on from the parameters as they are now."""
        self._take(self._read())

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self._network.zero_grad()

    def step(self) -> None:
        """Let the server follow the gradients, and go on from its parameters."""
        gradients = [parameter.grad for parameter in self._network.parameters()]
        buffers = dict(self._network.named_buffers())
        changed = {name: each for name, each in buffers.items() if not each.equal(self._fetched[name])}
        served = self._server.step.remote(to_arrays(gradients), to_arrays(changed), self.learning_rate)
        self._take(torch.tensor(ray.get(served)))

    def _take(self, content: Tensor) -> None:
        self._memory.copy_(content[: len(self._memory)])
        self._fetched = {name: each.clone() for name, each in self.block.buffers.items()}
