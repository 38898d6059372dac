"""The GRU is torch's, with resets inside a window."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from agents.learning.networks.gru import GRUCore
from tests.support import oracles
from tests.support.cores import INPUT, WIDTH, close, gru, parameters_of, seeds, used_state, window

pytestmark = pytest.mark.usefixtures("one_thread")


def test_gru_equals_torchs_where_no_episode_starts() -> None:
    core = gru()
    inputs, _ = window(9)
    (hidden,) = used_state(core)
    expected, last = core.gru(inputs, hidden.unsqueeze(0))
    outputs, state = core(inputs, (hidden,), torch.zeros(9, 2, dtype=torch.bool))
    close(outputs, expected)
    close(state[0], last[0])


@pytest.mark.parametrize("carry", [None, 0], ids=["by step", "by episode"])
def test_gru_has_the_gradients_of_torchs(carry: int | None) -> None:
    core = gru()
    inputs, _ = window(9)
    goes_on = torch.zeros(9, 2, dtype=torch.bool)
    slopes = []
    for outputs in (core.gru(inputs)[0], core(inputs, core.initial_state(2), goes_on, carry)[0]):
        slopes.append(torch.autograd.grad(outputs.square().sum(), list(core.parameters())))
    for theirs, ours in zip(*slopes, strict=True):
        close(ours, theirs)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 10), seeds)
def test_gru_equals_the_written_out_recurrence_with_resets(steps: int, seed: int) -> None:
    core = gru(seed)
    inputs, is_first = window(steps, seed=seed)
    (hidden,) = used_state(core)
    expected = oracles.gru(parameters_of(core.gru), inputs.numpy(), is_first.numpy(), hidden.numpy())
    for carry in (None, 0):
        outputs, _ = core(inputs, (hidden,), is_first, carry)
        np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("option", [{"num_layers": 2}, {"bidirectional": True}, {"bias": False}], ids=str)
def test_a_gru_the_core_cannot_run_is_refused(option: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"GRUCore takes.*{next(iter(option))}"):
        GRUCore(nn.GRU(INPUT, WIDTH, **option))
