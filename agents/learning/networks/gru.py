"""A GRU over unrolls in which episodes begin anywhere.

Source: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine
Translation", arXiv 1406.1078, in torch's form, whose reset gate acts behind the recurrent product.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.networks.fused import FusedCore, check_plain, weight
from agents.learning.unroll import CoreState


class GRUCore(FusedCore):
    """One GRU layer whose memory is cleared where an episode starts.

    Holds a `torch.nn.GRU`: three quarters of an LSTM's parameters, and a state of one part.
    """

    state_names: ClassVar[tuple[str, ...]] = ("h",)

    def __init__(self, gru: nn.GRU) -> None:
        """Wrap `gru`, which must have one layer, one direction and biases."""
        super().__init__()
        check_plain("GRU", gru)
        self.gru = gru

    @property
    def layer(self) -> nn.GRU:
        """The layer."""
        return self.gru

    def initial_state(self, lanes: int) -> CoreState:
        """(h,), [lanes, H] of zeros."""
        return (weight(self.gru, "weight_hh_l0").new_zeros(lanes, self.gru.hidden_size),)

    def _by_step(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int
    ) -> tuple[Tensor, CoreState]:
        gru, size = self.gru, self.gru.hidden_size
        (hidden,) = kept = state
        # The input's share of all gates in one product.
        driven = F.linear(inputs, weight(gru, "weight_ih_l0"), weight(gru, "bias_ih_l0"))
        to_gates, to_candidate = driven.split((2 * size, size), dim=-1)
        recurrent, bias = weight(gru, "weight_hh_l0").t(), weight(gru, "bias_hh_l0")
        begins = is_first.unsqueeze(-1)
        outputs = []
        for t in range(inputs.shape[0]):
            # Not a product with 0: a NaN must not outlive its episode.
            hidden = hidden.masked_fill(begins[t], 0.0)
            gates, recalled = torch.addmm(bias, hidden, recurrent).split((2 * size, size), dim=-1)
            reset, update = torch.sigmoid(to_gates[t] + gates).chunk(2, dim=-1)
            candidate = torch.tanh(torch.addcmul(to_candidate[t], reset, recalled))
            hidden = torch.lerp(candidate, hidden, update)
            outputs.append(hidden)
            if t + 1 == carry:
                kept = (hidden,)
        return torch.stack(outputs), kept
