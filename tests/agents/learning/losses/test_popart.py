"""PopArt: the statistics are those of the targets, and moving them moves no output."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.learning.losses.distillation import value_distillation
from agents.learning.losses.popart import PopArt
from tests.support import oracles

SCALES = [1e-4, 1.0, 1e4]


def head(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(5, 1)


def targets(mean: float, spread: float, seed: int = 0, count: int = 64) -> Tensor:
    return mean + spread * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def values(popart: PopArt, layer: nn.Linear, features: Tensor) -> Tensor:
    return popart.denormalize(layer(features)).detach()


def assert_unmoved(before: Tensor, after: Tensor, popart: PopArt) -> None:
    """Equal up to rounding, which is relative to the largest number involved."""
    unit = max(before.abs().max().item(), popart.sigma.item(), abs(popart.mu.item()))
    assert (after - before).abs().max().item() <= 2e-6 * unit


# --- Outputs do not move --------------------------------------------------------------------------


@pytest.mark.parametrize("step_size", [3e-4, 0.1, 0.9])
@pytest.mark.parametrize("spread", SCALES)
@pytest.mark.parametrize("mean", [0.0, -3.0, 1e4])
def test_outputs_do_not_move_when_the_statistics_do(step_size: float, mean: float, spread: float) -> None:
    popart, layer, features = PopArt(step_size), head(), torch.randn(16, 5)
    before = values(popart, layer, features)
    popart.update(targets(mean, spread), layer)
    assert popart.sigma != 1
    assert_unmoved(before, values(popart, layer, features), popart)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(0, 1e3)), min_size=1, max_size=6), st.floats(1e-4, 0.5)
)
def test_outputs_do_not_move_over_a_history_of_different_scales(
    history: list[tuple[float, float]], step_size: float
) -> None:
    popart, layer, features = PopArt(step_size), head(), torch.randn(16, 5)
    for k, (mean, spread) in enumerate(history):
        before = values(popart, layer, features)
        popart.update(targets(mean, spread, seed=k), layer)
        assert_unmoved(before, values(popart, layer, features), popart)


@pytest.mark.parametrize("spread", [1e-9, 1e9])
def test_outputs_do_not_move_while_sigma_is_at_its_bounds(spread: float) -> None:
    popart, layer, features = PopArt(1.0), head(), torch.randn(16, 5)
    for seed in range(3):
        before = values(popart, layer, features)
        popart.update(targets(0.0, spread, seed), layer)
        assert_unmoved(before, values(popart, layer, features), popart)
    assert popart.sigma.item() == pytest.approx(1e-2 if spread < 1 else 1e6)


def test_the_layer_itself_is_rescaled_and_not_replaced() -> None:
    popart, layer = PopArt(0.5), head()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    weight, before = layer.weight, layer.weight.detach().clone()
    popart.update(targets(0.0, 100.0), layer)
    assert layer.weight is weight
    assert optimizer.param_groups[0]["params"][0] is weight
    torch.testing.assert_close(layer.weight.detach(), before / popart.sigma)


# --- The statistics -------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 10)), max_size=8), st.floats(1e-4, 1.0))
def test_moments_equal_the_closed_form(history: list[tuple[float, float]], step_size: float) -> None:
    popart, layer = PopArt(step_size), head()
    batches = [targets(mean, spread, seed=k) for k, (mean, spread) in enumerate(history)]
    for batch in batches:
        popart.update(batch, layer)
    mu, sigma = oracles.popart_moments([batch.double().numpy() for batch in batches], step_size)
    np.testing.assert_allclose([popart.mu, popart.sigma], [mu, sigma], rtol=1e-5, atol=1e-6)


def test_one_update_worked_by_hand() -> None:
    # Means of (1, 3): 2 and 5. Half way from (0, 1): 1 and 3, so sigma = sqrt(3 - 1).
    popart = PopArt(0.5)
    popart.update(torch.tensor([1.0, 3.0]), head())
    assert popart.mu.item() == 1.0
    assert popart.sigma.item() == pytest.approx(2**0.5)
    assert popart.normalize(torch.tensor(5.0)).item() == pytest.approx(4 / 2**0.5)


def test_small_steps_on_large_targets_are_not_lost_to_rounding() -> None:
    popart, layer = PopArt(3e-4), head()
    for _ in range(20_000):
        popart.update(torch.tensor([999.0, 1001.0]), layer)
    left = (1 - 3e-4) ** 20_000  # of the beginning, mu = 0
    assert popart.mu.item() == pytest.approx(1000 * (1 - left), rel=1e-6)
    assert popart.sigma.item() ** 2 == pytest.approx(1 + left * (1 - left) * 1e6, rel=1e-3)


def test_every_element_of_a_batch_counts_once_whatever_its_shape() -> None:
    flat, shaped = PopArt(0.5), PopArt(0.5)
    batch = targets(2.0, 3.0, count=24)
    flat.update(batch, head())
    shaped.update(batch.reshape(2, 3, 4), head())
    assert flat.mean == shaped.mean
    assert flat.mean_square == shaped.mean_square


def test_sigma_keeps_its_bounds() -> None:
    low, high = PopArt(1.0, sigma_min=0.5, sigma_max=2.0), PopArt(1.0, sigma_min=0.5, sigma_max=2.0)
    low.update(torch.full((8,), 7.0), head())
    high.update(targets(0.0, 100.0), head())
    assert (low.sigma.item(), high.sigma.item()) == (0.5, 2.0)


def test_a_step_size_of_zero_is_off() -> None:
    popart, layer, other = PopArt(0.0), head(), head()
    popart.update(targets(50.0, 10.0), layer)
    value = torch.randn(7)
    assert torch.equal(popart.normalize(value), value)
    assert torch.equal(popart.denormalize(value), value)
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_an_empty_batch_changes_nothing() -> None:
    popart, layer = PopArt(0.5), head()
    popart.update(torch.empty(0), layer)
    assert (popart.mu.item(), popart.sigma.item()) == (0.0, 1.0)
    assert torch.equal(layer.weight, head().weight)


def test_normalize_and_denormalize_are_inverse() -> None:
    popart = PopArt(0.5)
    popart.update(targets(5.0, 20.0), head())
    value = torch.randn(9)
    torch.testing.assert_close(popart.normalize(popart.denormalize(value)), value)


def test_statistics_survive_saving_and_loading() -> None:
    popart, restored = PopArt(0.1), PopArt(0.1)
    popart.update(targets(5.0, 20.0), head())
    restored.load_state_dict(copy.deepcopy(popart.state_dict()))
    assert torch.equal(restored.mean, popart.mean)
    assert torch.equal(restored.mean_square, popart.mean_square)


def test_statistics_take_no_part_in_the_gradient() -> None:
    popart, layer = PopArt(0.5), head()
    popart.update(layer(torch.randn(8, 5)), layer)
    assert not any(tensor.requires_grad for tensor in (popart.mu, popart.sigma))
    assert not list(popart.parameters())


@pytest.mark.parametrize("arguments", [{"step_size": -0.1}, {"step_size": 1.1}, {"sigma_min": 0.0}])
def test_impossible_settings_are_refused_by_name(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        PopArt(**arguments)


# --- The student of a teacher with moving statistics ----------------------------------------------


@pytest.mark.parametrize("spread", SCALES)
def test_moving_statistics_do_not_move_the_student_nor_its_target(spread: float) -> None:
    popart, layer, features = PopArt(0.3), head(), torch.randn(16, 5)
    student = values(popart, layer, features).squeeze(-1).requires_grad_()  # agrees with its teacher
    for seed in range(5):
        popart.update(targets(3.0, spread, seed), layer)
        loss = value_distillation(student, values(popart, layer, features).squeeze(-1), popart.sigma)
        assert loss.max() < 1e-9
        assert torch.autograd.grad(loss.sum(), student)[0].abs().max() * popart.sigma < 1e-4


def test_sigma_changes_only_the_weight_of_a_value_error() -> None:
    actor, learner = torch.tensor([1.0, -2.0], requires_grad=True), torch.tensor([4.0, 2.0])
    slopes = []
    for sigma in (1.0, 10.0):
        loss = value_distillation(actor, learner, torch.tensor(sigma))
        torch.testing.assert_close(loss, torch.tensor([4.5, 8.0]) / sigma**2)
        slopes.append(torch.autograd.grad(loss.sum(), actor)[0])
    torch.testing.assert_close(slopes[1] * 100, slopes[0])
