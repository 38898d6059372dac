"""Sequences that share a lane do not see each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from agents.baselines.recurrent_ppo.sequences import Sequences

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("layers, bias", [(1, True), (2, True), (2, False)])
@pytest.mark.parametrize("chance", [0.0, 0.1, 0.6, 1.0])
def test_sequences_in_one_lane_do_not_see_each_other(layers, bias, chance):
    rng = np.random.default_rng(0)
    lstm = torch.nn.LSTM(4, 8, layers, bias=bias)
    starts, fresh = rng.random((2, 50)) < [[chance], [0.7]]
    starts[0] = True
    inputs = torch.randn(50, 4, requires_grad=True)
    sequences = Sequences.laid_out(starts, fresh)
    memory = torch.randn(2, layers, 50, 8)  # what a sequence that begins at a step begins with
    memory[:, :, fresh] = 0.0

    outputs = sequences.run(lstm, inputs, tuple(memory[:, :, sequences.first]))
    pieces = np.split(np.arange(50), np.flatnonzero(starts)[1:])
    expected = torch.cat([lstm(inputs[piece], tuple(memory[:, :, piece[0]]))[0] for piece in pieces])

    torch.testing.assert_close(outputs, expected)
    weights = torch.randn_like(outputs)
    wanted = [inputs, *lstm.parameters()]
    ours = torch.autograd.grad((outputs * weights).sum(), wanted)
    theirs = torch.autograd.grad((expected * weights).sum(), wanted)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_short_sequences_share_lanes():
    starts = np.zeros(200, dtype=bool)
    starts[[0, *range(100, 200, 5)]] = True  # one of 100 steps and 20 of 5
    steps, lanes = Sequences.laid_out(starts, np.ones(200, dtype=bool)).shape
    assert steps * lanes < 250, "padding to the longest would take 2100 places"


def test_sequences_that_carry_memory_come_first_in_their_lanes():
    starts = np.ones(6, dtype=bool)
    fresh = np.array([True, False, True, False, True, False])
    assert set(Sequences.laid_out(starts, fresh).first) >= {1, 3, 5}


def test_steps_before_the_first_start_are_refused():
    with pytest.raises(ValueError, match="first step"):
        Sequences.laid_out(np.array([False, True]), np.array([True, True]))
