"""A gated transformer that reads an LSTM's outputs beside the inputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import CoreState


class LSTMThenGTrXL(nn.Module):
    """A `GTrXLCore` over [inputs, outputs of an LSTM over them].

    What an LSTM sums up step by step a transformer of few layers finds only across many; the other way round
    attention looks up what an LSTM has let go. The state is (h, c) of the LSTM, then that of the transformer.

    Args:
        lstm: Takes the inputs [T, B, F] and says [T, B, H].
        gtrxl: Takes [T, B, F + H].
    """

    def __init__(self, lstm: nn.LSTM, gtrxl: GTrXLCore) -> None:
        super().__init__()
        if gtrxl.embed.in_features != lstm.input_size + lstm.hidden_size:
            raise ValueError(
                f"gtrxl must take the {lstm.input_size} inputs and {lstm.hidden_size} outputs of lstm, got "
                f"one of {gtrxl.embed.in_features} inputs"
            )
        self.lstm, self.gtrxl = LSTMCore(lstm), gtrxl

    @property
    def output_size(self) -> int:
        """Width of the outputs."""
        return self.gtrxl.output_size

    def initial_state(self, lanes: int) -> CoreState:
        """The LSTM's, then the transformer's."""
        return (*self.lstm.initial_state(lanes), *self.gtrxl.initial_state(lanes))

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        """Run a window of T steps.

        Args:
            inputs: [T, B, F].
            state: As `initial_state`'s, before the first step.
            is_first: [T, B] bool; where true, memory is cleared before the step.
            carry: Return the state after this many steps; T when None.

        Returns:
            [T, B, D] outputs and the state.
        """
        said, summed_up = self.lstm(inputs, state[:2], is_first, carry)
        outputs, looked_up = self.gtrxl(torch.cat([inputs, said], dim=-1), state[2:], is_first, carry)
        return outputs, (*summed_up, *looked_up)
