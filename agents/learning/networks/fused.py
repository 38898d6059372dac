"""Torch's fused recurrent layers over unrolls in which episodes begin anywhere."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from agents.learning.unroll import CoreState


class FusedCore(nn.Module):
    """One recurrent layer of torch whose memory is cleared where an episode starts.

    A subclass holds the layer, so its weights go to and from any code that uses one, and says what one step
    of it is.
    """

    @property
    def layer(self) -> nn.RNNBase:
        """The layer."""
        raise NotImplementedError

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return self.layer.hidden_size

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run T steps.

        Args:
            inputs: [T, B, F].
            state: As `initial_state`'s, before the first step.
            is_first: [T, B] bool; where true, memory is cleared before the step.
            carry: Return the state after this many steps; T when None. With 0 the outputs are computed by the
                fused layer, which does not give later states.

        Returns:
            [T, B, H] outputs and the state.
        """
        carry = checked_carry(carry, inputs.shape[0])
        if carry == 0:
            return self._by_episode(inputs, state, is_first), state
        return self._by_step(inputs, state, is_first, carry)

    def _by_step(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int
    ) -> tuple[Tensor, CoreState]:
        """All lanes a step at a time, clearing memory on the way."""
        raise NotImplementedError

    def _by_episode(self, inputs: Tensor, state: CoreState, is_first: Tensor) -> Tensor:
        """Each stretch of an episode as a sequence of its own for the fused layer.

        An LSTM is several times faster so. Torch has no fused GRU for a CPU, where it gains nothing. The
        stretches are padded to the longest, so that the states at their ends are lost; the outputs are
        not.
        """
        steps, lanes = is_first.shape
        starts = is_first.clone()
        starts[0] = True
        by_lane = starts.t().flatten()  # [B * T]: a lane's steps in a row
        begin = by_lane.nonzero().squeeze(-1)  # [S] where each stretch begins
        stretch = by_lane.cumsum(0) - 1  # [B * T] the stretch that a step belongs to
        offset = torch.arange(lanes * steps, device=begin.device) - begin[stretch]
        stretch, offset = (index.unflatten(0, (lanes, steps)).t() for index in (stretch, offset))  # [T, B]
        lane, row = begin // steps, begin % steps
        fresh = is_first[row, lane].unsqueeze(-1)
        beginning = tuple(part[lane].masked_fill(fresh, 0.0).unsqueeze(0) for part in state)
        padded = inputs.new_zeros(int(offset.max()) + 1, len(begin), inputs.shape[-1])
        laid = padded.index_put((offset, stretch), inputs)
        # Torch takes a single state as a tensor, several as a tuple.
        outputs, _ = self.layer(laid, beginning if len(beginning) > 1 else beginning[0])
        return outputs[offset, stretch]


def check_plain(kind: str, layer: nn.RNNBase) -> None:
    """Check that a layer of torch is one that a core can run.

    Raises:
        ValueError: It is not; `kind` is the name of the core and the layer, "LSTM".
    """
    if layer.num_layers != 1 or layer.bidirectional or layer.proj_size or not layer.bias:
        raise ValueError(
            f"{kind}Core takes an nn.{kind} with one layer, one direction, biases and no projection, got "
            f"num_layers={layer.num_layers}, bidirectional={layer.bidirectional}, "
            f"proj_size={layer.proj_size}, bias={layer.bias}"
        )


def checked_carry(carry: int | None, steps: int) -> int:
    """Return after how many steps a core returns its state.

    Raises:
        ValueError: The window of so many steps has no such.
    """
    carry = steps if carry is None else carry
    if not 0 <= carry <= steps:
        raise ValueError(f"carry must be from 0 to the {steps} steps of the window, got {carry}")
    return carry


def weight(layer: nn.RNNBase, name: str) -> Tensor:
    """Return a parameter of a layer of torch, which has them without a type."""
    return cast(Tensor, getattr(layer, name))
