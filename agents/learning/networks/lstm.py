"""An LSTM over unrolls in which episodes begin anywhere."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.unroll import CoreState


class LSTMCore(nn.Module):
    """One LSTM layer whose memory is cleared where an episode starts.

    Holds a `torch.nn.LSTM`, so its weights go to and from any code that uses one, such as SB3's recurrent
    policies.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        """Wrap `lstm`, which must have one layer, one direction, biases and no projection."""
        super().__init__()
        if lstm.num_layers != 1 or lstm.bidirectional or lstm.proj_size or not lstm.bias:
            raise ValueError(
                "LSTMCore takes an nn.LSTM with one layer, one direction, biases and no projection, got "
                f"num_layers={lstm.num_layers}, bidirectional={lstm.bidirectional}, "
                f"proj_size={lstm.proj_size}, bias={lstm.bias}"
            )
        self.lstm = lstm

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return self.lstm.hidden_size

    def initial_state(self, lanes: int) -> CoreState:
        """(h, c), each [lanes, H] of zeros."""
        zeros = cast(Tensor, self.lstm.weight_hh_l0).new_zeros(lanes, self.lstm.hidden_size)
        return zeros, zeros.clone()

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run T steps.

        Args:
            inputs: [T, B, F].
            state: (h, c), each [B, H], before the first step.
            is_first: [T, B] bool; where true, memory is cleared before the step.
            carry: Return the state after this many steps; T when None. With 0 the outputs are computed by a
                faster method, which does not give later states.

        Returns:
            [T, B, H] outputs and the state.
        """
        steps = inputs.shape[0]
        carry = steps if carry is None else carry
        if not 0 <= carry <= steps:
            raise ValueError(f"carry must be from 0 to the {steps} steps of the window, got {carry}")
        if carry == 0:
            return self._by_episode(inputs, state, is_first), state
        return self._by_step(inputs, state, is_first, carry)

    def _by_step(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int
    ) -> tuple[Tensor, CoreState]:
        """All lanes a step at a time, clearing memory on the way."""
        lstm = self.lstm
        hidden, cell = state
        kept = state
        # The input's share of all gates in one product; the loop below only adds what depends on memory.
        bias = cast(Tensor, lstm.bias_ih_l0) + cast(Tensor, lstm.bias_hh_l0)
        from_input = F.linear(inputs, cast(Tensor, lstm.weight_ih_l0), bias)
        recurrent = cast(Tensor, lstm.weight_hh_l0).t()
        begins = is_first.unsqueeze(-1)
        outputs = []
        for t in range(inputs.shape[0]):
            # Not a product with 0: a NaN must not outlive its episode.
            hidden, cell = hidden.masked_fill(begins[t], 0.0), cell.masked_fill(begins[t], 0.0)
            gates = torch.addmm(from_input[t], hidden, recurrent)
            squashed, candidate, opened = _activate(gates, lstm.hidden_size)
            input_gate, forget_gate = squashed.chunk(2, dim=-1)
            cell = torch.addcmul(forget_gate * cell, input_gate, candidate)
            hidden = opened * torch.tanh(cell)
            outputs.append(hidden)
            if t + 1 == carry:
                kept = hidden, cell
        return torch.stack(outputs), kept

    def _by_episode(self, inputs: Tensor, state: CoreState, is_first: Tensor) -> Tensor:
        """Each stretch of an episode as a sequence of its own for torch's fused LSTM: several times faster.

        The stretches are padded to the longest, so that the cell state at their ends is lost; the outputs are
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
        hidden, cell = (part[lane].masked_fill(fresh, 0.0).unsqueeze(0) for part in state)
        padded = inputs.new_zeros(int(offset.max()) + 1, len(begin), inputs.shape[-1])
        outputs, _ = self.lstm(padded.index_put((offset, stretch), inputs), (hidden, cell))
        return outputs[offset, stretch]


def _activate(gates: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Torch's gate order is input, forget, candidate, output."""
    in_and_forget, candidate, out = gates.split((2 * size, size, size), dim=-1)
    return torch.sigmoid(in_and_forget), torch.tanh(candidate), torch.sigmoid(out)
