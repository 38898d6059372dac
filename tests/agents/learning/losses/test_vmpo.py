"""V-MPO's losses against the written-out formulas, and against numbers worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.learning.distributions.discrete import Categorical
from agents.learning.losses.vmpo import PolicyLoss, policy_loss, top_half, trust_region_loss
from tests.support import oracles

EPS_ETA, EPS_ALPHA = 0.1, 0.004
KL = Categorical(4).kl

# Whole numbers make ties likely.
advantages = st.one_of(st.integers(-2, 2).map(float), st.floats(-5, 5))
samples = st.lists(advantages, min_size=1, max_size=12)


def vector(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def parameter(number: float) -> Tensor:
    return torch.tensor(number, dtype=torch.float64, requires_grad=True)


def gradient(of: Tensor, wrt: Tensor) -> Tensor:
    return torch.autograd.grad(of, wrt)[0]


def close(actual: Tensor, expected: object, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(actual.detach().numpy(), np.asarray(expected), rtol=1e-9, atol=atol)


class Batch:
    """A random batch of 7 samples of 4 actions, with importance weights."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.logits = torch.randn(7, 4, generator=generator).double().requires_grad_()
        self.action = torch.randint(4, (7,), generator=generator)
        self.advantage = torch.randn(7, generator=generator).double()
        self.importance = torch.rand(7, generator=generator).double()
        self.eta = parameter(0.7)

    @property
    def log_prob(self) -> Tensor:
        return torch.log_softmax(self.logits, -1).gather(-1, self.action.unsqueeze(-1)).squeeze(-1)

    def loss(self, weighted: bool = False) -> PolicyLoss:
        importance = self.importance if weighted else None
        return policy_loss(self.log_prob, self.advantage, self.eta, EPS_ETA, importance)

    def expected(self, eta: float | None = None, weighted: bool = False) -> oracles.VMPO:
        return oracles.vmpo(
            self.log_prob.tolist(),
            self.advantage.tolist(),
            self.eta.item() if eta is None else eta,
            EPS_ETA,
            self.importance.tolist() if weighted else None,
        )


# --- The top half ---------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(samples)
def test_the_top_half_is_the_better_half_of_the_samples(advantage: list[float]) -> None:
    chosen = top_half(vector(*advantage))
    assert sorted(oracles.better_half(advantage)) == chosen.nonzero().flatten().tolist()


@pytest.mark.parametrize(("samples", "count"), [(1, 1), (2, 1), (3, 2), (4, 2), (7, 4), (8, 4)])
def test_half_of_the_samples_are_taken_the_middle_one_included(samples: int, count: int) -> None:
    rising = torch.arange(float(samples))
    assert top_half(rising).nonzero().flatten().tolist() == list(range(samples - count, samples))


def test_ties_are_broken_by_position_so_that_half_is_half() -> None:
    assert top_half(torch.zeros(6)).tolist() == [True] * 3 + [False] * 3
    many = 1001  # sorts switch algorithm with size
    chosen = top_half(torch.zeros(many))
    assert chosen.sum() == 501
    assert chosen[:501].all()


# --- The policy's loss and the temperature's ------------------------------------------------------


def test_four_samples_worked_by_hand() -> None:
    # eta = 1: the half is samples 0 and 2, exp(A) is 1 and 3, so psi is 1/4 and 3/4.
    # L_pi = -(1/4 * -2 + 3/4 * -4) = 3.5. L_eta = 0.1 + log((1 + 3) / 2).
    advantage, log_prob = vector(0.0, -1.0, math.log(3), -5.0), vector(-2.0, -1.0, -4.0, -1.0)
    result = policy_loss(log_prob, advantage, parameter(1.0), EPS_ETA)
    close(result.weight, [0.25, 0, 0.75, 0])
    close(result.policy, [0.5, 0, 3.0, 0])
    close(result.temperature, 0.1 + math.log(2))
    close(result.effective_samples, 1 / (2 * (1 / 16 + 9 / 16)))


@settings(max_examples=100, deadline=None)
@given(samples, st.floats(0.1, 10), st.booleans(), st.integers(0, 2**32 - 1))
def test_losses_equal_the_written_out_formulas(
    advantage: list[float], eta: float, weighted: bool, seed: int
) -> None:
    log_prob, importance = np.random.default_rng(seed).uniform(0.01, 1, size=(2, len(advantage)))
    log_prob = -5 * log_prob
    expected = oracles.vmpo(
        log_prob.tolist(), advantage, eta, EPS_ETA, importance.tolist() if weighted else None
    )
    result = policy_loss(
        torch.from_numpy(log_prob),
        vector(*advantage),
        parameter(eta),
        EPS_ETA,
        torch.from_numpy(importance) if weighted else None,
    )
    close(result.weight, expected.weight)
    close(result.policy.sum(), expected.policy)
    close(result.temperature, expected.temperature, atol=1e-9)
    close(result.weight.sum(), 1.0)


def test_the_weights_sum_to_one_when_a_softmax_would_overflow() -> None:
    advantage = torch.tensor([1e4, -1e4, 1e4, 0.0])
    result = policy_loss(torch.zeros(4), advantage, torch.tensor(1e-3), EPS_ETA)
    assert result.weight.tolist() == [0.5, 0.0, 0.5, 0.0]
    assert result.temperature.isfinite()


def test_one_sample_has_all_the_weight() -> None:
    result = policy_loss(vector(-2), vector(-9), parameter(1.0), EPS_ETA)
    close(result.weight, [1])
    close(result.temperature, 0.1 - 9)


def test_effective_samples_run_from_one_to_one_in_n() -> None:
    def share(*advantage: float) -> float:
        n = len(advantage)
        result = policy_loss(vector(*[0] * n), vector(*advantage), parameter(1.0), EPS_ETA)
        return result.effective_samples.item()

    assert share(2, 2, 2, 2, -1, -1, -1, -1) == pytest.approx(1)
    assert share(99, 2, 2, 2, -1, -1, -1, -1) == pytest.approx(1 / 4)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_policy_gradient_is_that_of_weighted_maximum_likelihood(weighted: bool) -> None:
    # d(-psi log pi(a)) / d logits = psi (pi - onehot(a)), psi held fixed.
    batch = Batch()
    result = batch.loss(weighted)
    actual = gradient(result.policy.sum(), batch.logits)
    for i, psi in enumerate(batch.expected(weighted=weighted).weight):
        pi = oracles.softmax(batch.logits[i].detach().numpy())
        close(actual[i], psi * (pi - np.eye(4)[batch.action[i]]))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_temperature_gradient_equals_finite_differences(weighted: bool) -> None:
    batch, step = Batch(), 1e-6
    higher, lower = (batch.expected(0.7 + h, weighted).temperature for h in (step, -step))
    actual = gradient(batch.loss(weighted).temperature, batch.eta)
    assert actual.item() == pytest.approx((higher - lower) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("eta", [0.05, 0.3, 1.0, 4.0, 20.0])
def test_the_temperature_rises_exactly_while_the_top_half_is_too_peaked(eta: float) -> None:
    batch = Batch()
    batch.eta = parameter(eta)
    result = batch.loss()
    psi = result.weight[result.weight > 0]
    peakedness = (psi * (psi * len(psi)).log()).sum()  # KL(psi || uniform)
    slope = gradient(result.temperature, batch.eta)
    close(slope, EPS_ETA - peakedness)
    assert (slope < 0) == (eta <= 1)  # descending a negative slope raises eta


def test_descending_the_dual_ends_where_the_weights_keep_the_bound() -> None:
    batch = Batch()
    for _ in range(200):
        batch.eta = parameter((batch.eta - gradient(batch.loss().temperature, batch.eta)).item())
    psi = batch.loss().weight[batch.loss().weight > 0]
    assert (psi * (psi * len(psi)).log()).sum().item() == pytest.approx(EPS_ETA, rel=1e-3)


def test_each_loss_reaches_only_its_own_variable() -> None:
    batch = Batch()
    batch.advantage.requires_grad_()
    result = batch.loss()
    for loss, own, others in (
        (result.policy.sum(), batch.logits, (batch.eta, batch.advantage)),
        (result.temperature, batch.eta, (batch.logits, batch.advantage)),
    ):
        found, *rest = torch.autograd.grad(loss, (own, *others), retain_graph=True, allow_unused=True)
        assert found.abs().sum() > 0
        assert rest == [None, None]
    assert not result.weight.requires_grad
    assert not result.effective_samples.requires_grad


# --- Importance weights ---------------------------------------------------------------------------


def test_importance_weights_worked_by_hand() -> None:
    # exp(A) is 1 and 3, weighed 1 and 1/3: psi is 1/2 and 1/2, L_eta = 0.1 + log((1 + 1) / (1 + 1/3)).
    result = policy_loss(
        vector(-2.0, -1.0, -4.0, -1.0),
        vector(0.0, -1.0, math.log(3), -5.0),
        parameter(1.0),
        EPS_ETA,
        vector(1.0, 0.1, 1 / 3, 0.1),
    )
    close(result.weight, [0.5, 0, 0.5, 0])
    close(result.policy.sum(), 3.0)
    close(result.temperature, 0.1 + math.log(1.5))


def test_importance_weights_of_one_change_nothing() -> None:
    batch = Batch()
    batch.importance.fill_(1.0)
    for plain, weighted in zip(batch.loss(False), batch.loss(True), strict=True):
        close(weighted, plain.tolist())


def test_the_temperature_falls_where_weighted_advantages_are_all_equal() -> None:
    # psi equals the weighted data, so the bound holds: the slope is eps_eta, as it is without weights.
    batch = Batch()
    batch.advantage.fill_(1.0)
    batch.importance.fill_(0.5)
    close(gradient(batch.loss(False).temperature, batch.eta), EPS_ETA)
    close(gradient(batch.loss(True).temperature, batch.eta), EPS_ETA)


def test_importance_weights_do_not_decide_who_is_in_the_top_half() -> None:
    batch = Batch()
    chosen = batch.loss().weight > 0
    batch.importance[chosen] = 1e-3
    assert torch.equal(batch.loss(True).weight > 0, chosen)


def test_an_importance_weight_of_zero_removes_a_sample_without_breaking_the_rest() -> None:
    batch = Batch()
    best = batch.advantage.argmax()
    batch.importance[best] = 0.0
    result = batch.loss(True)
    assert result.weight[best] < 1e-6
    assert all(part.isfinite().all() for part in result)
    assert gradient(result.temperature, batch.eta).isfinite()


# --- The trust region -----------------------------------------------------------------------------


def trust_region(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    target, online = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    return target.requires_grad_(), online.clone().requires_grad_(), parameter(2.0)


def test_the_divergence_runs_from_target_to_online() -> None:
    target, online, alpha = trust_region()
    result = trust_region_loss(KL(target, online), alpha, EPS_ALPHA)
    pairs = list(zip(target.detach().numpy(), online.detach().numpy(), strict=True))
    close(result.kl, [oracles.kl(p, q) for p, q in pairs])
    assert not np.allclose(result.kl.detach(), [oracles.kl(q, p) for p, q in pairs], rtol=0.01)


def test_the_divergence_worked_by_hand() -> None:
    target, online = vector(0.5, 0.5).log().unsqueeze(0), vector(0.25, 0.75).log().unsqueeze(0)
    result = trust_region_loss(KL(target, online), parameter(2.0), EPS_ALPHA)
    kl = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    close(result.kl, [kl])
    close(result.penalty, [2 * kl])
    close(result.multiplier, [2 * (EPS_ALPHA - kl)])


def test_the_multiplier_falls_inside_the_trust_region_and_rises_outside() -> None:
    target, online, alpha = trust_region()
    far = trust_region_loss(KL(target, online), alpha, EPS_ALPHA)
    near = trust_region_loss(KL(target, target.detach().clone()), alpha, EPS_ALPHA)
    close(gradient(far.multiplier.mean(), alpha), EPS_ALPHA - far.kl.mean().item())
    close(gradient(near.multiplier.mean(), alpha), EPS_ALPHA)


def test_the_multiplier_reaches_alpha_only_and_the_penalty_the_policy_only() -> None:
    target, online, alpha = trust_region()
    result = trust_region_loss(KL(target.detach(), online), alpha, EPS_ALPHA)
    variables = (target, online, alpha)
    none_a, none_b, to_alpha = torch.autograd.grad(
        result.multiplier.sum(), variables, retain_graph=True, allow_unused=True
    )
    none_c, to_policy, none_d = torch.autograd.grad(result.penalty.sum(), variables, allow_unused=True)
    assert [none_a, none_b, none_c, none_d] == [None] * 4
    assert to_alpha != 0
    # d KL(p || softmax(z)) / dz = softmax(z) - p.
    slope = torch.softmax(online, -1) - torch.softmax(target, -1)
    close(to_policy, (alpha * slope).detach().numpy())


# --- Wrong arguments ------------------------------------------------------------------------------


def test_a_batch_without_a_sample_is_refused() -> None:
    with pytest.raises(ValueError, match="N of at least 1"):
        policy_loss(torch.zeros(0), torch.zeros(0), torch.tensor(1.0), EPS_ETA)


OTHER_SHAPES = [lambda x: x[:2], lambda x: x.unsqueeze(-1), lambda x: x.unsqueeze(0)]


@pytest.mark.parametrize("change", OTHER_SHAPES, ids=["short", "column", "row"])
@pytest.mark.parametrize("name", ["log_prob", "advantage", "importance"])
def test_samples_of_another_shape_are_refused_not_broadcast(
    name: str, change: Callable[[Tensor], Tensor]
) -> None:
    arguments = {"log_prob": torch.zeros(3), "advantage": torch.zeros(3), "importance": torch.ones(3)}
    arguments[name] = change(arguments[name])
    with pytest.raises(ValueError, match=name):
        policy_loss(**arguments, eta=torch.tensor(1.0), eps_eta=EPS_ETA)
