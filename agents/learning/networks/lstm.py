"""An LSTM over unrolls in which episodes begin anywhere."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.networks.fused import FusedCore, check_plain, weight
from agents.learning.unroll import CoreState


class LSTMCore(FusedCore):
    """One LSTM layer whose memory is cleared where an episode starts.

    Holds a `torch.nn.LSTM`, so its weights go to and from any code that uses one, such as SB3's recurrent
    policies.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h", "c")

    def __init__(self, lstm: nn.LSTM) -> None:
        """Wrap `lstm`, which must have one layer, one direction, biases and no projection."""
        super().__init__()
        check_plain("LSTM", lstm)
        self.lstm = lstm

    @property
    def layer(self) -> nn.LSTM:
        """The layer."""
        return self.lstm

    def initial_state(self, lanes: int) -> CoreState:
        """(h, c), each [lanes, H] of zeros."""
        zeros = weight(self.lstm, "weight_hh_l0").new_zeros(lanes, self.lstm.hidden_size)
        return zeros, zeros.clone()

    def _by_step(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int
    ) -> tuple[Tensor, CoreState]:
        lstm = self.lstm
        hidden, cell = state
        kept = state
        # The input's share of all gates in one product; the loop below only adds what depends on memory.
        bias = weight(lstm, "bias_ih_l0") + weight(lstm, "bias_hh_l0")
        from_input = F.linear(inputs, weight(lstm, "weight_ih_l0"), bias)
        recurrent = weight(lstm, "weight_hh_l0").t()
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


def _activate(gates: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Torch's gate order is input, forget, candidate, output."""
    in_and_forget, candidate, out = gates.split((2 * size, size, size), dim=-1)
    return torch.sigmoid(in_and_forget), torch.tanh(candidate), torch.sigmoid(out)
