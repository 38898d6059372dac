"""The penalty on features that say the same: against loops, by hand, and what following it does."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from agents.learning.health import feature_health
from agents.learning.losses.decorrelation import decorrelation


def slow(features: Tensor) -> float:
    """As the words say it: of every two different features, the square of their covariance; its mean."""
    rows = features.flatten(0, -2).tolist()
    columns = list(zip(*rows, strict=True))
    squares = []
    for one, other in itertools.permutations(columns, 2):
        mean, others = sum(one) / len(one), sum(other) / len(other)
        products = [(x - mean) * (y - others) for x, y in zip(one, other, strict=True)]
        squares.append((sum(products) / len(products)) ** 2)
    return sum(squares) / len(squares)


@pytest.mark.parametrize("shape", [(7, 2), (4, 3, 5), (2, 3, 2, 4)])
def test_it_is_the_mean_over_pairs(shape: tuple[int, ...]) -> None:
    features = 3.0 + torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(decorrelation(features)) == pytest.approx(slow(features))
    assert torch.autograd.gradcheck(decorrelation, features.requires_grad_())


def test_worked_by_hand() -> None:
    # Two features of covariance 2, and a third that tells nothing of either: 2 of 6 ordered pairs.
    features = torch.tensor([[1.0, 2.0, 1.0], [-1.0, -2.0, 1.0], [1.0, 2.0, -1.0], [-1.0, -2.0, -1.0]])
    assert float(decorrelation(features)) == pytest.approx(2 * 2.0**2 / 6)
    assert float(feature_health(features)["feature_correlation"]) == pytest.approx(1 / 3)


def test_independent_constant_and_single_features_cost_nothing() -> None:
    corners = torch.cartesian_prod(*[torch.tensor([-2.0, 2.0])] * 3)
    for features in (corners, torch.ones(5, 3), torch.randn(6, 1)):
        assert float(decorrelation(features)) == 0.0
        assert float(feature_health(features)["feature_correlation"]) == 0.0


def test_constant_features_count_in_no_correlation() -> None:
    line = torch.linspace(-1.0, 1.0, 9)
    features = torch.stack([line, -3.0 * line, torch.full_like(line, 0.1)], dim=-1)
    assert float(feature_health(features)["feature_correlation"]) == pytest.approx(1.0)


def test_following_it_makes_features_differ() -> None:
    torch.manual_seed(0)
    inputs, layer = torch.randn(256, 8), torch.nn.Linear(8, 6)
    with torch.no_grad():  # all of them nearly one
        layer.weight.copy_(layer.weight[:1] + 0.1 * torch.randn(6, 8))
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    before = float(feature_health(layer(inputs))["feature_correlation"])
    for _ in range(300):
        optimizer.zero_grad()
        # Without the second part the cheapest features are none at all.
        spread = layer(inputs).std(dim=0)
        (decorrelation(layer(inputs)) + (spread - 1.0).square().mean()).backward()
        optimizer.step()
    after = float(feature_health(layer(inputs))["feature_correlation"])
    assert before > 0.5 and after < 0.1
