"""Each family against torch's distributions, against numbers worked by hand, and against its own samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch import distributions as known

from agents.learning.distributions.base import ActionDistribution
from agents.learning.distributions.discrete import Bernoulli, Categorical, MultiCategorical
from agents.learning.distributions.gaussian import DiagonalGaussian, GaussianHead

STEPS, LANES = 3, 2
BOUND = np.array([[1.0, 2.0, np.inf]], np.float32)


def categorical(parameters: Tensor) -> list[Any]:
    return [known.Categorical(logits=parameters)]


def several(parameters: Tensor) -> list[Any]:
    return [known.Categorical(logits=part) for part in parameters.split([2, 3], dim=-1)]


def bits(parameters: Tensor) -> list[Any]:
    return [known.Independent(known.Bernoulli(logits=parameters), 1)]


def numbers(parameters: Tensor) -> list[Any]:
    mean, log_std = parameters[..., :3], parameters[..., 3:]
    return [known.Independent(known.Normal(mean, log_std.exp()), 1)]


FAMILIES: dict[str, tuple[ActionDistribution, Callable[[Tensor], list[Any]]]] = {
    "categorical": (Categorical(4), categorical),
    "multi-categorical": (MultiCategorical([2, 3]), several),
    "bernoulli": (Bernoulli(3), bits),
    "gaussian": (DiagonalGaussian(-BOUND, BOUND), numbers),
}
every_family = pytest.mark.parametrize("name", FAMILIES)


def policies(family: ActionDistribution, count: int = 2, scale: float = 1.0) -> Sequence[Tensor]:
    """Random parameters, [T, B, P] each."""
    shape = (count, STEPS, LANES, family.num_parameters)
    return scale * torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def drawn(family: ActionDistribution, parameters: Tensor, count: int, seed: int = 1) -> Tensor:
    """[count, *shape] samples of one policy [P]."""
    generator = torch.Generator().manual_seed(seed)
    return family.sample(parameters.expand(count, -1), generator)


def columns(family: ActionDistribution, action: Tensor) -> Sequence[Tensor]:
    return action.unbind(-1) if isinstance(family, MultiCategorical) else [action]


@every_family
def test_probabilities_entropies_and_divergences_are_those_of_torch(name: str) -> None:
    family, torchs = FAMILIES[name]
    p, q = policies(family)
    action = family.sample(p.flatten(0, 1), torch.Generator().manual_seed(1)).unflatten(0, (STEPS, LANES))
    assert action.shape == (STEPS, LANES, *family.shape) and action.dtype == family.dtype
    pairs = zip(torchs(p), columns(family, action), strict=True)
    log_prob: Any = sum(each.log_prob(column.to(each.mean)) for each, column in pairs)
    entropy: Any = sum(each.entropy() for each in torchs(p))
    kl: Any = sum(map(known.kl_divergence, torchs(p), torchs(q)))
    torch.testing.assert_close(family.log_prob(p, action), log_prob)
    torch.testing.assert_close(family.entropy(p), entropy)
    torch.testing.assert_close(family.kl(p, q), kl)
    assert (family.kl(p, q) > 1e-3).all() and family.kl(p, p.clone()).abs().max() < 1e-12


@every_family
def test_divergence_and_entropy_are_means_over_samples(name: str) -> None:
    family, _ = FAMILIES[name]
    p, q = (each[0, 0] for each in policies(family, scale=0.5))
    actions = drawn(family, p, 40_000)
    said = family.log_prob(p.expand(len(actions), -1), actions)
    ratio = said - family.log_prob(q.expand(len(actions), -1), actions)
    for estimate, exact in ((-said, family.entropy(p)), (ratio, family.kl(p, q))):
        error = estimate.mean() - exact
        assert abs(error) < 4 * estimate.std() / math.sqrt(len(actions))


@every_family
def test_probabilities_have_gradients_that_are_finite_however_sure_a_policy_is(name: str) -> None:
    family, _ = FAMILIES[name]
    p, q = (each.float().requires_grad_() for each in policies(family, scale=8.0))
    action = family.mode(p.detach())
    losses = (family.log_prob(p, action), family.entropy(p), family.kl(p, q), *family.kl_parts(p, q))
    for loss in losses:
        found = torch.autograd.grad(loss.sum(), (p, q), allow_unused=True, retain_graph=True)
        assert loss.isfinite().all()
        assert all(slope.isfinite().all() for slope in found if slope is not None)


@every_family
def test_no_action_is_likelier_than_the_mode(name: str) -> None:
    family, _ = FAMILIES[name]
    [p] = policies(family, 1)
    best = family.log_prob(p, family.mode(p))
    for seed in range(20):
        action = family.sample(p.flatten(0, 1), torch.Generator().manual_seed(seed))
        assert (family.log_prob(p, action.unflatten(0, (STEPS, LANES))) <= best).all()


@every_family
def test_lanes_drawn_apart_are_those_drawn_together(name: str) -> None:
    family, _ = FAMILIES[name]
    p = policies(family, 1)[0].flatten(0, 1)
    together = family.sample(p, torch.Generator().manual_seed(4))
    parts = [
        family.sample(p[rows], torch.Generator().manual_seed(4), (rows.start, 6))
        for rows in (slice(0, 2), slice(2, 6))
    ]
    assert torch.equal(torch.cat(parts), together)


@every_family
def test_policies_of_different_shapes_are_refused_not_broadcast(name: str) -> None:
    family, _ = FAMILIES[name]
    p, q = policies(family)
    for compare in (family.kl, family.kl_parts):
        with pytest.raises(ValueError, match=r"one shape, got \(3, 2, \d\) and \(1, 2, \d\)"):
            compare(p, q[:1])


@every_family
def test_all_parts_but_a_gaussians_are_one(name: str) -> None:
    family, _ = FAMILIES[name]
    parts = family.kl_parts(*policies(family))
    assert len(parts) == len(family.trust_regions) == (2 if name == "gaussian" else 1)


def test_entropies_worked_by_hand() -> None:
    fair, sure = torch.zeros(1, 3), torch.tensor([[500.0, -500.0, 500.0]])
    assert Bernoulli(3).entropy(fair).item() == pytest.approx(3 * math.log(2))
    assert Bernoulli(3).entropy(sure).item() == pytest.approx(0, abs=1e-6)
    assert Categorical(3).entropy(sure[:, :2].repeat(1, 2)[:, :3]).item() == pytest.approx(math.log(2))
    assert MultiCategorical([1, 2]).entropy(fair).item() == pytest.approx(math.log(2))
    unit = torch.tensor([[5.0, math.log(3.0)]])
    box = DiagonalGaussian(-BOUND[0, :1], BOUND[0, :1])
    assert box.entropy(unit).item() == pytest.approx(math.log(3 * math.sqrt(2 * math.pi * math.e)))


# --- Gaussians ------------------------------------------------------------------------------------


def test_mean_and_spread_are_apart_in_the_parts_of_a_divergence() -> None:
    # From N(1, 2^2) to N(4, 1): means 3 apart in spreads of 2, and then log 1/2 + 4 / 2 - 1/2.
    family = DiagonalGaussian(-BOUND[0, :1], BOUND[0, :1])
    p, q = torch.tensor([[1.0, math.log(2.0)]]), torch.tensor([[4.0, 0.0]], requires_grad=True)
    mean, spread = family.kl_parts(p, q)
    assert mean.item() == pytest.approx(0.5 * 1.5**2)
    assert spread.item() == pytest.approx(math.log(0.5) + 2.0 - 0.5)
    [to_mean], [to_spread] = (torch.autograd.grad(part.sum(), q)[0] for part in (mean, spread))
    assert to_mean.tolist() == [pytest.approx(0.75), 0.0]
    assert to_spread.tolist() == [0.0, pytest.approx(1.0 - 4.0)]
    assert family.kl(p, q).item() == pytest.approx(0.5 * 9.0 + spread.item())


def test_environments_get_numbers_within_the_box_and_in_its_shape() -> None:
    family = DiagonalGaussian(-BOUND, BOUND)
    taken = family.as_taken(torch.tensor([[0.5, -7.0, 99.0], [-3.0, 1.0, -99.0]]))
    assert taken.dtype == np.float32 and taken.tolist() == [[[0.5, -2.0, 99.0]], [[-1.0, 1.0, -99.0]]]


def test_as_inputs_numbers_are_what_environments_got_in_units_of_the_box() -> None:
    low, high = np.array([-1.0, 0.0, -np.inf, 3.0]), np.array([3.0, 1.0, 5.0, 3.0])
    features = DiagonalGaussian(low, high).features(torch.tensor([[9.0, 0.25, 7.0, 0.0]]))
    assert features.tolist() == [[1.0, -0.5, 5.0, 3.0]]


def test_a_head_says_means_and_the_same_spreads_of_everything() -> None:
    head = GaussianHead(nn.Linear(4, 2), nn.Parameter(torch.tensor([-1.0, 0.5])))
    seen = torch.randn(3, 5, 4)
    said = head(seen)
    assert torch.equal(said[..., :2], head.mean(seen))
    assert torch.equal(said[..., 2:], torch.tensor([-1.0, 0.5]).expand(3, 5, 2))


# --- Choices and bits -----------------------------------------------------------------------------


def test_choices_as_inputs_are_one_hot_and_bits_themselves() -> None:
    assert MultiCategorical([2, 3]).features(torch.tensor([[1, 0]])).tolist() == [[0, 1, 1, 0, 0]]
    assert Bernoulli(2).features(torch.tensor([[1.0, 0.0]])).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("name", ["multi-categorical", "bernoulli"])
def test_each_choice_is_drawn_as_often_as_it_is_likely(name: str) -> None:
    family, torchs = FAMILIES[name]
    p = policies(family, 1)[0][0, 0]
    shares = family.features(drawn(family, p, 20_000)).double().mean(dim=0)
    chances = torch.cat([each.mean if name == "bernoulli" else each.probs for each in torchs(p)])
    torch.testing.assert_close(shares, chances, atol=0.02, rtol=0)
