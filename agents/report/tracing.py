"""What networks say of an episode while it is played, and what goes on inside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.fused import FusedCore
from agents.learning.networks.gtrxl import RelativeAttention
from agents.learning.networks.memory_head import MemoryHead
from agents.learning.networks.previous_step import with_previous_step
from agents.learning.unroll import CoreState, Observation, map_observation, observation_to_tensors

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Trace:
    """What one network said of each of T observations of an episode.

    Attributes:
        probabilities: [T, A] its policy.
        value: [T] its value, in units of the return; None where these are not known.
        hidden: [T, H] what its LSTM or GRU gave out, each in (-1, 1); None without one.
        attention: [T, L, H, M + 1] where each head of each layer looked: 0 for the step itself, k for k steps
            back, 0 where the episode has no such step; None without a transformer.
        memory: Of each memory target [T, n], how likely it took each of n values to be.
    """

    probabilities: Floats
    value: Floats | None
    hidden: Floats | None
    attention: Floats | None
    memory: tuple[Floats, ...] = ()


@dataclass
class Tracer:
    """Runs a network along one episode, with a memory of its own, and writes down what happens.

    Args:
        network: Is stepped; its parameters are not touched.
        denormalize: Turns outputs of its value head into units of the return.
        shows_previous_step: Its inputs are those of `agents.learning.networks.previous_step`.
        to_batch: Makes an observation, as the environment gives it, a batch of one of tensors, as training
            shows them: pictures with their channels first.
        has_values: Its value head was taught.
    """

    network: ActorCritic
    denormalize: Callable[[Tensor], Tensor] = lambda value: value
    shows_previous_step: bool = False
    to_batch: Callable[[Any], Observation] | None = None
    has_values: bool = True
    _state: CoreState | None = None
    _logits: list[Tensor] = field(default_factory=list)
    _values: list[Tensor] = field(default_factory=list)
    _memory: list[tuple[Tensor, ...]] = field(default_factory=list)
    _inside: _Inside = field(default_factory=lambda: _Inside())

    def step(self, observation: Any, action: int = 0, reward: float = 0.0) -> Tensor:
        """Show the network the next observation of the episode, as the environment gives it.

        Args:
            observation: One, without a batch's dimension.
            action: That led to it; does not count for the first of the episode.
            reward: That came with it.

        Returns:
            [A] logits.
        """
        device = next(self.network.parameters()).device
        if self.to_batch is not None:
            batch = self.to_batch(observation)
        else:
            batch = map_observation(lambda x: x.unsqueeze(0), observation_to_tensors(observation, device))
        is_first = torch.tensor([self._state is None], device=device)
        if self.shows_previous_step:
            taken = self.network.distribution.features(torch.tensor([action], device=device))
            batch = with_previous_step(batch, taken, torch.tensor([reward], device=device), is_first)
        self.network.eval()
        state = self.network.initial_state(1) if self._state is None else self._state
        with self._inside.watching(self.network):
            outputs, self._state = self.network.step(batch, state, is_first)
        self._logits.append(outputs.policy[0])
        self._values.append(self.denormalize(outputs.value[0]))
        self._memory.append(believed(self.network.acting.memory_head, outputs.core[0]))
        return outputs.policy[0]

    def trace(self) -> Trace:
        """Return what was written down."""
        return Trace(
            probabilities=to_array(torch.softmax(torch.stack(self._logits), dim=-1)),
            value=to_array(torch.stack(self._values)) if self.has_values else None,
            hidden=self._inside.hidden(),
            attention=self._inside.attention(),
            memory=along_episode(self._memory),
        )


class _Inside:
    """Sees what the cores of a network compute, by hooks that are there for the length of a step."""

    def __init__(self) -> None:
        self._hidden: list[Tensor] = []
        self._weights: list[list[Tensor]] = []

    @contextmanager
    def watching(self, network: nn.Module) -> Iterator[None]:
        self._weights.append([])
        hooks = []
        for module in network.modules():
            if isinstance(module, RelativeAttention):
                hooks.append(module.register_forward_pre_hook(self._see_attention))
            elif isinstance(module, FusedCore):
                hooks.append(module.register_forward_hook(self._see_hidden))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _see_attention(self, module: RelativeAttention, inputs: tuple[Tensor, ...]) -> None:
        weights = module.weights(*inputs)[0, :, 0]  # [H, M + 1]: of one lane and one step, oldest first
        self._weights[-1].append(weights.flip(-1))

    def _see_hidden(self, module: nn.Module, inputs: tuple[Any, ...], outputs: tuple[Tensor, Any]) -> None:
        self._hidden.append(outputs[0][0, 0])

    def hidden(self) -> Floats | None:
        return to_array(torch.stack(self._hidden)) if self._hidden else None

    def attention(self) -> Floats | None:
        """[T, L, H, M + 1]."""
        if not any(self._weights):
            return None
        return to_array(torch.stack([torch.stack(layers) for layers in self._weights]))


@torch.no_grad()
def believed(head: MemoryHead | None, core: Tensor) -> tuple[Tensor, ...]:
    """Return how likely a head, if there is one, takes the values of each target to be, from [D]."""
    return () if head is None else head.probabilities(core)


def along_episode(steps: Sequence[tuple[Tensor, ...]]) -> tuple[Floats, ...]:
    """Return [T, n] of each memory target from [n] of each at each of T steps."""
    return tuple(to_array(torch.stack(each)) for each in zip(*steps, strict=True))


def to_array(tensor: Tensor) -> Floats:
    """Return a tensor's values as numpy's, in single precision."""
    return tensor.detach().cpu().numpy().astype(np.float32)
