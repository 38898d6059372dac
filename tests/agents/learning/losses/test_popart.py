"""PopArt: the statistics are those of the targets, linear in them, and moving them moves no output."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from agents.learning.losses.popart import PopArt
from tests.support import oracles

SCALES = [1e-4, 1.0, 1e4]
SETTLED = 100


def head(seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(5, 1)


def targets(mean: float, spread: float, seed: int = 0, count: int = 64) -> Tensor:
    return mean + spread * torch.randn(count, generator=torch.Generator().manual_seed(seed))


def values(popart: PopArt, layer: nn.Linear, features: Tensor) -> Tensor:
    return popart.denormalize(layer(features)).detach()


def settled(step_size: float = 3e-4, mean: float = 0.0, sigma: float = 1.0) -> PopArt:
    """Beyond the updates in which the head is not rescaled and the moments move faster."""
    popart = PopArt(step_size)
    popart.mean.fill_(mean)
    popart.mean_square.fill_(mean**2 + sigma**2)
    popart.updates.fill_(10_000_000)
    return popart


def assert_unmoved(before: Tensor, after: Tensor, popart: PopArt) -> None:
    """Equal up to rounding, which is relative to the largest number involved."""
    unit = max(before.abs().max().item(), popart.sigma.item(), abs(popart.mu.item()))
    assert (after - before).abs().max().item() <= 2e-6 * unit


# --- Outputs do not move --------------------------------------------------------------------------


@pytest.mark.parametrize("step_size", [3e-4, 0.1, 0.9])
@pytest.mark.parametrize("spread", SCALES)
@pytest.mark.parametrize("mean", [0.0, -3.0, 1e4])
def test_outputs_do_not_move_when_the_statistics_do(step_size: float, mean: float, spread: float) -> None:
    popart, layer, features = settled(step_size), head(), torch.randn(16, 5)
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
    popart, layer, features = settled(step_size), head(), torch.randn(16, 5)
    for k, (mean, spread) in enumerate(history):
        before = values(popart, layer, features)
        popart.update(targets(mean, spread, seed=k), layer)
        assert_unmoved(before, values(popart, layer, features), popart)


def test_the_layer_itself_is_rescaled_and_not_replaced() -> None:
    popart, layer = settled(0.5), head()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    weight, before = layer.weight, layer.weight.detach().clone()
    popart.update(targets(0.0, 100.0), layer)
    assert layer.weight is weight
    assert optimizer.param_groups[0]["params"][0] is weight
    torch.testing.assert_close(layer.weight.detach(), before / popart.sigma)


def test_in_the_first_updates_the_layer_stays_and_values_follow_the_moments() -> None:
    popart, layer, before = PopArt(), head(), head()
    for seed in range(SETTLED):
        popart.update(targets(50.0, 10.0, seed), layer)
        assert torch.equal(layer.weight, before.weight) and torch.equal(layer.bias, before.bias)
    popart.update(targets(60.0, 20.0), layer)
    assert not torch.equal(layer.weight, before.weight)


# --- The statistics -------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-10, 10), st.floats(0.1, 10)), min_size=1, max_size=40), st.floats(1e-4, 1.0)
)
def test_moments_equal_the_closed_form(history: list[tuple[float, float]], step_size: float) -> None:
    popart, layer = PopArt(step_size), head()
    batches = [targets(mean, spread, seed=k) for k, (mean, spread) in enumerate(history)]
    for batch in batches:
        popart.update(batch, layer)
    mu, sigma = oracles.popart_moments([batch.double().numpy() for batch in batches], step_size)
    np.testing.assert_allclose([popart.mu, popart.sigma], [mu, sigma], rtol=1e-5, atol=1e-6)


def test_updates_worked_by_hand() -> None:
    # The first batch counts in full: mean 2, mean square 5. The second, of mean 6 and mean square 40, counts
    # 10 / 11: mean (2 + 60) / 11, mean square (5 + 400) / 11.
    popart, layer = PopArt(), head()
    popart.update(torch.tensor([1.0, 3.0]), layer)
    assert (popart.mu.item(), popart.sigma.item()) == (2.0, 1.0)
    popart.update(torch.tensor([4.0, 8.0]), layer)
    assert popart.mu.item() == pytest.approx(62 / 11)
    assert popart.sigma.item() == pytest.approx((405 / 11 - (62 / 11) ** 2) ** 0.5)
    assert popart.normalize(torch.tensor(62 / 11)).item() == pytest.approx(0.0, abs=1e-6)


def test_small_steps_on_large_targets_are_not_lost_to_rounding() -> None:
    popart, layer = settled(), head()
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


# --- The scale of rewards -------------------------------------------------------------------------


@pytest.mark.parametrize("power", [-60, -10, 10, 60])
def test_a_power_of_two_changes_no_bit(power: int) -> None:
    factor = 2.0**power
    plain, scaled, heads = PopArt(), PopArt(), [head(), head()]
    for seed in range(SETTLED + 20):
        batch = targets(3.0, 0.1 * seed, seed)
        for popart, layer, unit in ((plain, heads[0], 1.0), (scaled, heads[1], factor)):
            popart.begin(unit * batch, batch > 5, 0.99)
            popart.update(unit * batch, layer)
        assert torch.equal(scaled.sigma, factor * plain.sigma) and torch.equal(scaled.mu, factor * plain.mu)
        assert torch.equal(scaled.normalize(factor * batch), plain.normalize(batch))
    assert torch.equal(heads[0].weight, heads[1].weight) and torch.equal(heads[0].bias, heads[1].bias)


def test_the_first_mean_is_the_value_of_a_step_if_all_were_alike() -> None:
    # Rewards of 1 and 3, one step of four ends an episode: 2 + .9 * 3/4 * mu = mu.
    popart = PopArt()
    popart.begin(
        torch.tensor([[1.0, 3.0], [1.0, 3.0]]), torch.tensor([[False, True], [False, False]]), gamma=0.9
    )
    assert popart.mu.item() == pytest.approx(2 / (1 - 0.9 * 0.75))
    assert popart.sigma.item() == 0.0


def test_the_first_mean_exists_without_discount_and_ends() -> None:
    popart = PopArt()
    popart.begin(torch.full((5, 4), 2.0), torch.zeros(5, 4, dtype=torch.bool), gamma=1.0)
    assert popart.mu.item() == pytest.approx(2 * 20)


def test_it_begins_once() -> None:
    popart = PopArt()
    popart.update(targets(5.0, 1.0), head())
    before = popart.mu.clone()
    popart.begin(torch.full((4,), 100.0), torch.zeros(4, dtype=torch.bool), 0.9)
    assert torch.equal(popart.mu, before)


@pytest.mark.parametrize("level", [0.0, 7.0, 1e5])
def test_while_targets_do_not_differ_all_values_are_their_mean(level: float) -> None:
    popart, layer = PopArt(), head()
    for _ in range(300):
        popart.update(torch.full((8,), level), layer)
    assert popart.sigma.item() == 0.0
    assert torch.equal(popart.denormalize(torch.randn(9)), torch.full((9,), level))
    assert torch.equal(popart.normalize(torch.randn(9)), torch.zeros(9))
    assert torch.equal(popart.in_sigmas(torch.randn(9)), torch.zeros(9))
    assert torch.equal(layer.weight, head().weight)


def test_the_first_rewards_count_in_full_however_late_they_come() -> None:
    popart, layer = PopArt(), head()
    for _ in range(300):
        popart.update(torch.zeros(64), layer)
    batch = targets(2.0, 3.0)
    popart.update(batch, layer)
    assert popart.mu.item() == pytest.approx(batch.mean().item())
    assert popart.sigma.item() == pytest.approx(batch.std(correction=0).item(), rel=1e-5)


# --- The rest -------------------------------------------------------------------------------------


def test_a_step_size_of_zero_is_off() -> None:
    popart, layer, other = PopArt(0.0), head(), head()
    popart.begin(torch.ones(3), torch.zeros(3, dtype=torch.bool), 0.9)
    popart.update(targets(50.0, 10.0), layer)
    value = torch.randn(7)
    assert torch.equal(popart.normalize(value), value)
    assert torch.equal(popart.denormalize(value), value)
    assert torch.equal(layer.weight, other.weight)
    assert torch.equal(layer.bias, other.bias)


def test_an_empty_batch_changes_nothing() -> None:
    popart, layer = settled(), head()
    popart.update(torch.empty(0), layer)
    popart.begin(torch.empty(0), torch.empty(0, dtype=torch.bool), 0.9)
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
    for name in ("mean", "mean_square", "updates"):
        assert torch.equal(getattr(restored, name), getattr(popart, name))


def test_statistics_take_no_part_in_the_gradient() -> None:
    popart, layer = PopArt(0.5), head()
    popart.update(layer(torch.randn(8, 5)), layer)
    assert not any(tensor.requires_grad for tensor in (popart.mu, popart.sigma))
    assert not list(popart.parameters())


@pytest.mark.parametrize("step_size", [-0.1, 1.1])
def test_impossible_settings_are_refused_by_name(step_size: float) -> None:
    with pytest.raises(ValueError, match="step_size"):
        PopArt(step_size)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("known", [0, 3])
def test_targets_that_are_not_finite_are_not_swallowed(broken: float, known: int) -> None:
    popart = PopArt()
    for seed in range(known):
        popart.update(targets(5.0, 20.0, seed), head())
    assert not popart.normalize(torch.tensor([1.0, broken]))[1].isfinite()
    popart.update(torch.tensor([1.0, broken]), head())
    assert not popart.normalize(torch.tensor([1.0, 2.0])).isfinite().any()
