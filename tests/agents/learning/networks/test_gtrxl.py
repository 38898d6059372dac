"""The gated transformer is the paper's, and remembers exactly as many steps as it should."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from agents.learning.networks.gtrxl import GRUGate, GTrXLCore
from tests.support import oracles
from tests.support.cores import (
    HEADS,
    INPUT,
    MEMORY,
    WIDTH,
    close,
    gtrxl,
    parameters_of,
    seeds,
    used_state,
    window,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(max_examples=12, deadline=None)
@given(st.sampled_from([1, 3, 40]), st.integers(1, 3), st.integers(1, 14), seeds)
def test_gtrxl_equals_attention_over_an_explicit_list_of_keys(
    memory: int, layers: int, steps: int, seed: int
) -> None:
    core = gtrxl(memory, layers, seed)
    histories: list[oracles.History] = [[[] for _ in range(layers)] for _ in range(2)]
    state = core.initial_state(2)
    for k in range(2):  # the second window goes on from the first
        inputs, is_first = window(steps, seed=seed + k)
        outputs, state = core(inputs, state, is_first)
        expected = oracles.gtrxl(
            parameters_of(core), inputs.numpy(), is_first.numpy(), histories, heads=HEADS, memory=memory
        )
        # The sinusoids are computed in single precision.
        np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-5, atol=1e-6)


def test_one_layer_sees_exactly_itself_and_memory_steps_back() -> None:
    core, steps = gtrxl(layers=1), 11
    inputs, _ = window(steps, lanes=1)
    inputs.requires_grad_()
    outputs, _ = core(inputs, core.initial_state(1), torch.zeros(steps, 1, dtype=torch.bool))
    for t in range(steps):
        slope = torch.autograd.grad(outputs[t].square().sum(), inputs, retain_graph=True)[0]
        seen = slope.abs().sum(-1).squeeze(-1).nonzero().flatten().tolist()
        assert seen == list(range(max(0, t - MEMORY), t + 1))


@pytest.mark.parametrize("slot", range(MEMORY))
def test_a_remembered_step_is_seen_until_it_is_memory_steps_old(slot: int) -> None:
    core = gtrxl(layers=1)
    inputs, _ = window(7, lanes=1)
    goes_on = torch.zeros(7, 1, dtype=torch.bool)
    memory, length = used_state(core, 1, steps=MEMORY + 2)
    changed = memory.clone()
    changed[:, :, slot] += torch.randn(WIDTH, generator=torch.Generator().manual_seed(0))
    before, after = (core(inputs, (part, length), goes_on)[0] for part in (memory, changed))
    differs = (before != after).any(-1).squeeze(-1).tolist()
    assert differs == [t <= slot for t in range(7)]  # slot k is M - k steps old at t = 0


@pytest.mark.parametrize("written", range(MEMORY))
@pytest.mark.parametrize("poison", [1e9, -1e9, float("nan")])
def test_memory_that_was_never_written_is_never_attended(written: int, poison: float) -> None:
    core = gtrxl()
    memory, length = used_state(core, 2, written) if written else core.initial_state(2)
    assert length.tolist() == [written, written]
    poisoned = memory.clone()
    poisoned[:, :, : MEMORY - written] = poison
    inputs, is_first = window(9)
    clean, dirty = (core(inputs, (part, length), is_first)[0] for part in (memory, poisoned))
    assert torch.equal(clean, dirty)


def test_lanes_with_different_lengths_of_memory_each_see_their_own() -> None:
    core = gtrxl()
    inputs, _ = window(8, lanes=3)
    is_first = torch.zeros(8, 3, dtype=torch.bool)
    is_first[6, 0] = is_first[2, 1] = True
    _, (_, length) = core(inputs, core.initial_state(3), is_first)
    assert length.tolist() == [2, MEMORY, MEMORY]


def test_memory_holds_each_layers_inputs_and_no_gradient() -> None:
    core = gtrxl()
    inputs, _ = window(MEMORY)
    _, (memory, _) = core(inputs, core.initial_state(2), torch.zeros(MEMORY, 2, dtype=torch.bool))
    assert not memory.requires_grad
    close(memory[:, 0], core.embed(inputs).transpose(0, 1).detach())


def test_no_gradient_reaches_back_into_memory() -> None:
    core = gtrxl()
    memory, length = used_state(core)
    inputs, is_first = window(3, start=0.0)
    outputs, _ = core(inputs, (memory.requires_grad_(), length), is_first)
    assert torch.autograd.grad(outputs.sum(), memory, allow_unused=True)[0] is None


def test_a_new_gate_keeps_most_of_the_stream() -> None:
    gate, (x, y) = GRUGate(WIDTH), torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(0))
    assert gate.bias.tolist() == [2.0] * WIDTH
    for layer in (gate.from_sublayer, gate.from_stream, gate.from_reset):
        nn.init.zeros_(layer.weight)
    torch.testing.assert_close(gate(x, y), x * torch.sigmoid(torch.tensor(2.0)))  # 0.88 of it


@pytest.mark.parametrize("arguments", [{"memory": 0}, {"layers": 0}, {"heads": 3}])
def test_impossible_transformers_are_refused_by_name(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GTrXLCore(INPUT, WIDTH, **arguments)
