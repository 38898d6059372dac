"""The LSTM is torch's, with resets inside a window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from agents.learning.networks.lstm import LSTMCore
from tests.support import oracles
from tests.support.cores import INPUT, WIDTH, close, lstm, parameters_of, seeds, used_state, window

pytestmark = pytest.mark.usefixtures("one_thread")


def test_lstm_equals_torchs_where_no_episode_starts() -> None:
    core = lstm()
    inputs, _ = window(9)
    hidden, cell = used_state(core)
    expected, (last_hidden, last_cell) = core.lstm(inputs, (hidden.unsqueeze(0), cell.unsqueeze(0)))
    outputs, state = core(inputs, (hidden, cell), torch.zeros(9, 2, dtype=torch.bool))
    close(outputs, expected)
    close(state[0], last_hidden[0])
    close(state[1], last_cell[0])


def test_lstm_has_the_gradients_of_torchs() -> None:
    core = lstm()
    inputs, _ = window(9)
    slopes = []
    for outputs in (core.lstm(inputs)[0], core(inputs, core.initial_state(2), torch.zeros(9, 2).bool())[0]):
        slopes.append(torch.autograd.grad(outputs.square().sum(), list(core.parameters())))
    for theirs, ours in zip(*slopes, strict=True):
        close(ours, theirs)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), seeds)
def test_lstm_equals_the_written_out_recurrence_with_resets(steps: int, seed: int) -> None:
    core = lstm(seed)
    inputs, is_first = window(steps, seed=seed)
    hidden, cell = used_state(core)
    expected = oracles.lstm(
        parameters_of(core.lstm), inputs.numpy(), is_first.numpy(), hidden.numpy(), cell.numpy()
    )
    outputs, _ = core(inputs, (hidden, cell), is_first)
    np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "option", [{"num_layers": 2}, {"bidirectional": True}, {"proj_size": 2}, {"bias": False}], ids=str
)
def test_an_lstm_the_core_cannot_run_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(option))):
        LSTMCore(nn.LSTM(INPUT, WIDTH, **option))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), seeds)
def test_lstm_by_episode_equals_lstm_by_step(steps: int, lanes: int, seed: int) -> None:
    core = lstm(seed)
    inputs, is_first = window(steps, lanes=lanes, seed=seed)
    beginning = used_state(core, lanes)
    by_step, _ = core(inputs, beginning, is_first)
    by_episode, untouched = core(inputs, beginning, is_first, 0)
    close(by_episode, by_step.detach())
    assert untouched is beginning
