"""A transformer over an LSTM's outputs is the two of them, one behind the other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lstm_gtrxl import LSTMThenGTrXL
from tests.support import oracles
from tests.support.cores import HEADS, INPUT, MEMORY, lstm_gtrxl, parameters_of, seeds, window

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 14), seeds)
def test_it_equals_the_written_out_transformer_over_the_written_out_lstm(steps: int, seed: int) -> None:
    core = lstm_gtrxl(seed)
    inputs, is_first = window(steps, seed=seed)
    zeros = np.zeros((2, 5))
    said = oracles.lstm(parameters_of(core.lstm.lstm), inputs.numpy(), is_first.numpy(), zeros, zeros)
    expected = oracles.gtrxl(
        parameters_of(core.gtrxl),
        np.concatenate([inputs.numpy(), said], axis=-1),
        is_first.numpy(),
        [[[], []] for _ in range(2)],
        heads=HEADS,
        memory=MEMORY,
    )
    for carry in (None, 0):
        outputs, _ = core(inputs, core.initial_state(2), is_first, carry)
        # The sinusoids are computed in single precision.
        np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_transformer_that_does_not_take_both_is_refused() -> None:
    with pytest.raises(ValueError, match="3 inputs and 5 outputs of lstm, got one of 3 inputs"):
        LSTMThenGTrXL(nn.LSTM(INPUT, 5), GTrXLCore(INPUT))
