"""The losses between actor and learner, and student and teacher: numbers, and which network they move."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from agents.learning.distributions.discrete import Categorical
from agents.learning.losses.distillation import (
    Direction,
    policy_distillation,
    policy_regression,
    value_distillation,
)
from tests.support import oracles

DIRECTIONS: list[Direction] = ["actor_learner", "learner_actor"]

logits_pairs = hnp.arrays(np.float64, st.tuples(st.just(2), st.integers(1, 6)), elements=st.floats(-20, 20))


def divergence(actor: Tensor, learner: Tensor, direction: Direction = "actor_learner") -> Tensor:
    return policy_distillation(Categorical(actor.shape[-1]), actor, learner, direction)


def pair(seed: int = 0, shape: tuple[int, ...] = (3, 2, 4)) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    actor, learner = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return actor.requires_grad_(), learner.clone().requires_grad_()


# --- Policy ---------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(logits_pairs)
def test_the_divergence_equals_the_written_out_sum_in_both_directions(logits: np.ndarray) -> None:
    actor, learner = logits
    tensors = torch.from_numpy(actor), torch.from_numpy(learner)
    forward, reverse = (divergence(*tensors, direction).item() for direction in DIRECTIONS)
    assert forward == pytest.approx(oracles.kl(actor, learner), rel=1e-7, abs=1e-9)
    assert reverse == pytest.approx(oracles.kl(learner, actor), rel=1e-7, abs=1e-9)


def test_the_paper_weighs_by_the_actors_policy() -> None:
    actor, learner = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.25, 0.75]).log()
    by_actor = 0.5 * math.log(2) + 0.5 * math.log(2 / 3)
    by_learner = 0.25 * math.log(1 / 2) + 0.75 * math.log(3 / 2)
    assert divergence(actor, learner).item() == pytest.approx(by_actor)
    assert divergence(actor, learner, "learner_actor").item() == pytest.approx(by_learner)


def test_one_number_per_element() -> None:
    actor, learner = pair()
    loss = divergence(actor, learner)
    assert loss.shape == (3, 2)
    p, q = _numpy(actor, learner)
    expected = [[oracles.kl(p[t, b], q[t, b]) for b in range(2)] for t in range(3)]
    np.testing.assert_allclose(loss.detach(), expected, rtol=1e-9)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_divergence_is_zero_exactly_between_equal_policies(direction: Direction) -> None:
    actor, learner = pair()
    shifted = actor.detach() + 3.0  # the same policy by other logits
    assert divergence(actor, shifted, direction).abs().max() < 1e-12
    assert divergence(actor, learner, direction).min() > 1e-3


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_policy_loss_pulls_both_networks_towards_each_other(direction: Direction) -> None:
    actor, learner = pair()
    loss = divergence(actor, learner, direction)
    to_actor, to_learner = torch.autograd.grad(loss.sum(), (actor, learner))
    for moved in ((actor - 0.01 * to_actor, learner), (actor, learner - 0.01 * to_learner)):
        assert (divergence(*moved, direction) < loss).all()


def test_the_policy_gradients_equal_the_written_out_ones() -> None:
    # d KL(p || q) / d logits of q = q - p; of p = p (log p - log q - KL).
    actor, learner = pair()
    to_actor, to_learner = torch.autograd.grad(divergence(actor, learner).sum(), (actor, learner))
    p, q = (np.apply_along_axis(oracles.softmax, -1, x) for x in _numpy(actor, learner))
    log_ratio = np.log(p / q)
    np.testing.assert_allclose(to_learner, q - p, atol=1e-12)
    np.testing.assert_allclose(to_actor, p * (log_ratio - (p * log_ratio).sum(-1, keepdims=True)), atol=1e-12)


def test_a_detached_learner_is_left_alone() -> None:
    actor, learner = pair()
    loss = divergence(actor, learner.detach()).sum()
    to_actor, to_learner = torch.autograd.grad(loss, (actor, learner), allow_unused=True)
    assert to_actor.abs().sum() > 0
    assert to_learner is None


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_near_deterministic_policies_give_finite_losses_and_gradients(direction: Direction) -> None:
    actor = torch.tensor([200.0, 0.0, -200.0], requires_grad=True)
    learner = torch.tensor([-200.0, 0.0, 200.0], requires_grad=True)
    loss = divergence(actor, learner, direction)
    assert loss.item() == pytest.approx(400.0)
    assert all(slope.isfinite().all() for slope in torch.autograd.grad(loss, (actor, learner)))


def test_an_unknown_direction_is_refused_with_the_choices() -> None:
    actor, learner = pair()
    with pytest.raises(ValueError, match=r"direction.*actor_learner.*learner_actor.*sideways"):
        divergence(actor, learner, "sideways")  # type: ignore[arg-type]


# --- Value ----------------------------------------------------------------------------------------


def test_value_errors_are_half_squares() -> None:
    loss = value_distillation(torch.tensor([1.0, 5.0]), torch.tensor([4.0, 5.0]))
    assert loss.tolist() == [4.5, 0.0]


def test_the_value_loss_reaches_the_actor_only() -> None:
    actor, learner = pair(shape=(3, 2))
    loss = value_distillation(actor, learner).sum()
    to_actor, to_learner = torch.autograd.grad(loss, (actor, learner), allow_unused=True)
    assert to_learner is None
    torch.testing.assert_close(to_actor, (actor - learner).detach())


# --- Wrong arguments ------------------------------------------------------------------------------


def test_policies_of_different_shapes_are_refused_not_broadcast() -> None:
    with pytest.raises(ValueError, match="policies must have one shape"):
        divergence(torch.zeros(3, 2, 4), torch.zeros(2, 4))


def test_values_of_different_shapes_are_refused_not_broadcast() -> None:
    with pytest.raises(ValueError, match="value"):
        value_distillation(torch.zeros(3, 2), torch.zeros(3, 2, 1))


def _numpy(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


# --- Policy regression ----------------------------------------------------------------------------


def test_policy_regression_is_what_it_is_by_hand() -> None:
    student = torch.tensor([0.0, math.log(2)])  # 1/3, 2/3
    teacher = torch.tensor([0.0, math.log(3)])  # 1/4, 3/4
    assert policy_regression(student, teacher).item() == pytest.approx(
        math.log(3) / 4 + 3 * math.log(1.5) / 4
    )
    assert policy_regression(student, torch.tensor([5.0, -math.inf])).item() == pytest.approx(math.log(3))


def test_policy_regression_equals_the_written_out_sum_and_moves_the_student_alone() -> None:
    student, teacher = pair()
    with torch.no_grad():
        teacher[0, :, 1:] = -math.inf  # one action each
    losses = policy_regression(student, teacher)
    for place in np.ndindex(3, 2):
        s, t = (np.exp(each.detach().numpy()[place]) for each in (student, teacher))
        by_hand = -sum(p * math.log(q) for p, q in zip(t / t.sum(), s / s.sum(), strict=True))
        assert losses[place].item() == pytest.approx(by_hand)
    losses.sum().backward()
    torch.testing.assert_close(student.grad, student.softmax(-1) - teacher.detach().softmax(-1))
    assert teacher.grad is None


def test_policy_regression_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"must have one shape, got \(3, 4\) and \(3, 1\)"):
        policy_regression(torch.zeros(3, 4), torch.zeros(3, 1))
