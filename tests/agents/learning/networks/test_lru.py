"""The linear recurrent unit is the paper's, and its scan over all steps is a loop over them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.learning.networks.lru import LRUCore, LRULayer, Pair
from tests.support import oracles
from tests.support.cores import INPUT, WIDTH, close, lru, parameters_of, seeds, used_state, window

pytestmark = pytest.mark.usefixtures("one_thread")


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 12), seeds)
def test_lru_equals_the_written_out_recurrence_with_resets(layers: int, steps: int, seed: int) -> None:
    core = lru(layers, seed)
    inputs, is_first = window(steps, seed=seed)
    state = used_state(core)
    real, imaginary = (part.unflatten(-1, (layers, WIDTH)).numpy() for part in state)
    expected, memory = oracles.lru(
        parameters_of(core), inputs.numpy(), is_first.numpy(), real + 1j * imaginary
    )
    outputs, after = core(inputs, state, is_first)
    np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-9, atol=1e-11)
    for part, wanted in zip(after, (memory.real, memory.imag), strict=True):
        np.testing.assert_allclose(part.detach().numpy(), wanted.reshape(2, -1), rtol=1e-9, atol=1e-11)


def loop(layer: LRULayer, driven: Pair, state: Pair, is_first: Tensor) -> Pair:
    """What `LRULayer.scan` computes, a step after another."""
    eigenvalues = torch.exp(torch.complex(-layer.nu.exp(), layer.theta.exp()))
    memory, whole, kept = torch.complex(*state), torch.complex(*driven), []
    for t in range(len(whole)):
        memory = eigenvalues * memory.masked_fill(is_first[t].unsqueeze(-1), 0.0) + whole[t]
        kept.append(memory)
    return torch.stack(kept).real, torch.stack(kept).imag


def pair(*shape: int, seed: int) -> Pair:
    generator = torch.Generator().manual_seed(seed)
    real, imaginary = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return real.requires_grad_(), imaginary.requires_grad_()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.sampled_from([0.0, 0.03, 0.3, 1.0]), seeds)
def test_the_scan_equals_the_loop_gradients_included(steps: int, start: float, seed: int) -> None:
    layer = lru(1, seed).layers[0]
    assert isinstance(layer, LRULayer)
    driven, state = pair(steps, 3, WIDTH, seed=seed), pair(3, WIDTH, seed=seed + 1)
    weights = pair(steps, 3, WIDTH, seed=seed + 2)
    is_first = torch.rand(steps, 3, generator=torch.Generator().manual_seed(seed)) < start
    slopes = []
    for run in (loop, LRULayer.scan):
        memory = run(layer, driven, state, is_first)
        loss = sum((part * weight).sum() for part, weight in zip(memory, weights, strict=True))
        learnt = (*driven, *state, layer.nu, layer.theta)
        slopes.append((*memory, *torch.autograd.grad(loss, learnt)))  # type: ignore[arg-type]
    for expected, found in zip(*slopes, strict=True):
        close(found, expected)


def test_a_step_that_broke_down_does_not_outlive_its_episode() -> None:
    layer = lru(1).layers[0]
    assert isinstance(layer, LRULayer)
    driven = torch.ones(9, 1, WIDTH)
    driven[2] = float("nan")
    is_first = torch.zeros(9, 1, dtype=torch.bool)
    is_first[5] = True
    zeros = torch.zeros(1, WIDTH)
    for part in layer.scan((driven, driven), (zeros, zeros), is_first):
        assert part.isfinite().all(-1).squeeze(-1).tolist() == [True] * 2 + [False] * 3 + [True] * 4


def test_eigenvalues_begin_on_the_ring_and_memory_as_large_as_its_inputs() -> None:
    torch.manual_seed(0)
    layer = LRULayer(4000, r_min=0.6, r_max=0.9, max_phase=1.0)
    modulus, phase = torch.exp(-layer.nu.exp()), layer.theta.exp()
    assert 0.6 <= modulus.min() < 0.61 and 0.89 < modulus.max() <= 0.9
    assert 0.0 < phase.min() < 0.01 and 0.99 < phase.max() <= 1.0
    # Uniform on the ring: as many of them as its area has.
    assert (modulus < 0.75).float().mean().item() == pytest.approx((0.75**2 - 0.36) / (0.81 - 0.36), abs=0.03)
    real, imaginary = torch.randn(2, 300, 1, 4000) * layer.gamma.exp()
    zeros = torch.zeros(1, 4000)
    for part in layer.scan((real, imaginary), (zeros, zeros), torch.zeros(300, 1, dtype=torch.bool)):
        assert part[100:].std().item() == pytest.approx(1.0, abs=0.02)


def test_no_step_of_training_takes_an_eigenvalue_out_of_the_unit_circle() -> None:
    core = LRUCore(INPUT, WIDTH)
    optimizer = torch.optim.Adam(core.parameters(), lr=0.3)
    inputs, _ = window(40)
    for _ in range(60):  # towards ever larger memory
        _, (real, imaginary) = core(inputs.float(), core.initial_state(2), torch.zeros(40, 2).bool())
        optimizer.zero_grad()
        (-real.square() - imaginary.square()).mean().backward()
        optimizer.step()
    layer = core.layers[0]
    assert isinstance(layer, LRULayer)
    assert 0.9995 < torch.exp(-layer.nu.exp()).max() <= 1.0


@pytest.mark.parametrize(
    "arguments",
    [
        {"layers": 0},
        {"r_min": -0.1},
        {"r_max": 1.0},
        {"r_min": 0.999},
        {"max_phase": 0.0},
        {"max_phase": 7.0},
    ],
    ids=str,
)
def test_impossible_units_are_refused_by_name(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        LRUCore(INPUT, WIDTH, **arguments)  # type: ignore[arg-type]


def test_the_state_holds_no_complex_numbers() -> None:
    core = LRUCore(INPUT, WIDTH, layers=3)
    inputs, is_first = window(5)
    outputs, state = core(inputs.float(), core.initial_state(2), is_first)
    assert [part.shape for part in state] == [(2, 3 * WIDTH)] * 2
    assert not any(each.is_complex() for each in (*core.parameters(), *state, outputs))
    assert math.isfinite(outputs.sum().item())
