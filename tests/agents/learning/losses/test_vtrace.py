"""V-trace against a version that treats every episode by itself, and against numbers worked by hand."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from agents.learning.losses.vtrace import VTrace, policy_gradient_loss, vtrace
from tests.support import oracles
from tests.support.oracles import GOES_ON, TERMINATED, TRUNCATED

endings = hnp.arrays(
    np.int64,
    st.tuples(st.integers(1, 8), st.integers(1, 3)),
    elements=st.sampled_from([GOES_ON, GOES_ON, TERMINATED, TRUNCATED]),
)
seeds = st.integers(0, 2**32 - 1)


class Batch:
    """Random rewards, values and policy ratios of an unroll whose episodes end as `ending` [T, B] says."""

    NUMBERS = ("log_rho", "reward", "value", "bootstrap")

    def __init__(self, ending: np.ndarray, seed: int, gamma: float = 0.9) -> None:
        rng = np.random.default_rng(seed)
        self.ending, self.gamma = ending, gamma
        self.log_rho, self.reward, self.value, self.bootstrap = rng.normal(size=(4, *ending.shape))

    def rows(self, rows: slice) -> Batch:
        """Some steps of this unroll as an unroll of their own."""
        part = copy.deepcopy(self)
        for name in ("ending", *self.NUMBERS):
            setattr(part, name, getattr(part, name)[rows])
        return part

    def next_value(self) -> np.ndarray:
        """As a caller builds it: the next row's value, or the bootstrap where none continues the episode."""
        following = np.concatenate([self.value[1:], self.bootstrap[-1:]])
        return np.where(self.ending == TRUNCATED, self.bootstrap, following)

    def run(self, **options: float) -> VTrace:
        """The code under test."""
        discount = np.where(self.ending == TERMINATED, 0.0, self.gamma)
        return vtrace(
            torch.from_numpy(self.log_rho),
            torch.from_numpy(discount),
            torch.from_numpy(self.reward),
            torch.from_numpy(self.value),
            torch.from_numpy(self.next_value()),
            torch.from_numpy(self.ending != GOES_ON),
            **options,
        )

    def expected(self, **options: float) -> tuple[np.ndarray, np.ndarray]:
        """The slow version."""
        ratio = np.exp(self.log_rho)
        return oracles.vtrace(
            ratio, self.reward, self.value, self.bootstrap, self.ending, self.gamma, **options
        )


def close(actual: Tensor, expected: object) -> None:
    np.testing.assert_allclose(actual.numpy(), np.asarray(expected), rtol=1e-9, atol=1e-12)


def lane(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64).unsqueeze(1)


def flags(*numbers: int) -> Tensor:
    return torch.tensor(numbers, dtype=torch.bool).unsqueeze(1)


@settings(max_examples=100, deadline=None)
@given(endings, seeds, st.floats(0.3, 3.0), st.floats(0.3, 3.0), st.floats(0.0, 1.0))
def test_equals_the_papers_sum_whatever_ends_where(
    ending: np.ndarray, seed: int, rho_bar: float, c_bar: float, trace_decay: float
) -> None:
    batch = Batch(ending, seed)
    options = {"rho_bar": rho_bar, "c_bar": c_bar, "trace_decay": trace_decay}
    result = batch.run(**options)
    target, advantage = batch.expected(**options)
    close(result.target, target)
    close(result.advantage, advantage)
    close(result.clipped_rho, np.minimum(np.exp(batch.log_rho), rho_bar))


def test_on_policy_targets_are_discounted_returns() -> None:
    # Backwards with gamma 1/2: 4 + 8/2 = 8, 2 + 8/2 = 6, 1 + 6/2 = 4.
    result = vtrace(
        lane(0, 0, 0), lane(0.5, 0.5, 0.5), lane(1, 2, 4), lane(10, 20, 30), lane(20, 30, 8), flags(0, 0, 0)
    )
    close(result.target, lane(4, 6, 8))
    close(result.advantage, lane(4 - 10, 6 - 20, 8 - 30))


def test_trace_decay_gives_lambda_returns() -> None:
    # G = r + gamma ((1 - lambda) V' + lambda G') with gamma = lambda = 1/2: 4 + 8/2 = 8,
    # 2 + 1/2 (1/2 * 30 + 1/2 * 8) = 11.5, 1 + 1/2 (1/2 * 20 + 1/2 * 11.5) = 8.875.
    result = vtrace(
        lane(0, 0, 0),
        lane(0.5, 0.5, 0.5),
        lane(1, 2, 4),
        lane(10, 20, 30),
        lane(20, 30, 8),
        flags(0, 0, 0),
        trace_decay=0.5,
    )
    close(result.target, lane(8.875, 11.5, 8))


def test_off_policy_numbers_worked_by_hand() -> None:
    # Ratios 1/2 and 4 (clipped to 1); delta = 1/2 (1 + 2 - 4) = -1/2 and 1 (3 + 6 - 2) = 7, all with gamma 1.
    # v_1 = 2 + 7 = 9, v_0 = 4 - 1/2 + 1/2 * 7 = 7. The advantage of step 0 is 1 + 9 - 4, unweighted by rho.
    result = vtrace(
        lane(math.log(0.5), math.log(4)), lane(1, 1), lane(1, 3), lane(4, 2), lane(2, 6), flags(0, 0)
    )
    close(result.target, lane(7, 9))
    close(result.advantage, lane(6, 7))
    close(result.clipped_rho, lane(0.5, 1))


def test_rho_bar_moves_the_fixed_point_and_c_bar_the_trace() -> None:
    arguments = (lane(math.log(4), math.log(4)), lane(1, 1), lane(1, 3), lane(4, 2), lane(2, 6), flags(0, 0))
    # delta without rho is -1 and 7.
    close(vtrace(*arguments, rho_bar=2.0, c_bar=1.0).target, lane(4 - 2 + 14, 2 + 14))
    close(vtrace(*arguments, rho_bar=1.0, c_bar=2.0).target, lane(4 - 1 + 2 * 7, 2 + 7))
    close(vtrace(*arguments, rho_bar=math.inf, c_bar=math.inf).target, lane(4 - 4 + 4 * 28, 2 + 28))


@pytest.mark.parametrize("how", [TERMINATED, TRUNCATED])
@pytest.mark.parametrize("end", [0, 2, 4])
def test_an_ending_inside_an_unroll_equals_two_separate_unrolls(how: int, end: int) -> None:
    ending = np.full((6, 2), GOES_ON)
    ending[end] = how
    whole = Batch(ending, seed=end)
    first, second = whole.rows(slice(0, end + 1)), whole.rows(slice(end + 1, None))
    if how == TRUNCATED:
        first.ending[-1] = GOES_ON  # a truncation is worth as much as an unroll that simply stops there
    for name in VTrace._fields:
        parts = torch.cat([getattr(first.run(), name), getattr(second.run(), name)])
        close(getattr(whole.run(), name), parts.numpy())


@settings(max_examples=40, deadline=None)
@given(endings, seeds, st.data())
def test_nothing_after_an_ending_reaches_before_it(
    ending: np.ndarray, seed: int, data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(ending) - 1))
    ending[end] = data.draw(st.sampled_from([TERMINATED, TRUNCATED]))
    before, after = Batch(ending, seed), Batch(ending, seed)
    for name in Batch.NUMBERS:
        getattr(after, name)[end + 1 :] += 1e3
    for name in ("target", "advantage"):
        assert torch.equal(getattr(before.run(), name)[: end + 1], getattr(after.run(), name)[: end + 1])


def test_a_truncation_bootstraps_from_its_own_value_and_a_termination_from_none() -> None:
    def targets(discount: float, beyond: float) -> Tensor:
        result = vtrace(lane(0, 0), lane(discount, 0.5), lane(1, 2), lane(5, 7), lane(beyond, 6), flags(1, 0))
        return result.target

    close(targets(0.5, 8), lane(1 + 4, 2 + 3))
    close(targets(0.0, 8), lane(1, 2 + 3))
    close(targets(0.0, 1e6), lane(1, 2 + 3))


def test_huge_ratios_do_not_overflow_and_tiny_ones_vanish() -> None:
    batch = Batch(np.full((4, 1), GOES_ON), seed=0)
    batch.log_rho = np.array([[1e4], [3e38], [-1e4], [-math.inf]])
    result = batch.run()
    close(result.clipped_rho, [[1.0], [1.0], [0.0], [0.0]])
    assert all(part.isfinite().all() for part in result)
    close(result.target[2:], batch.value[2:])


def test_ratios_beyond_single_precision_are_clipped() -> None:
    huge = torch.full((3, 1), 200.0)  # exp(200) is infinite in float32
    zeros = torch.zeros(3, 1)
    result = vtrace(huge, zeros + 0.9, zeros + 1, zeros, zeros, zeros.bool())
    assert result.target.dtype == torch.float32
    torch.testing.assert_close(result.target, torch.tensor([[2.71], [1.9], [1.0]]))


def test_results_carry_no_gradient() -> None:
    values = torch.randn(3, 2, requires_grad=True)
    zeros = torch.zeros(3, 2)
    result = vtrace(zeros, zeros + 0.9, zeros + 1, values, values, zeros.bool())
    assert not any(part.requires_grad for part in result)


@pytest.mark.parametrize("index", range(6))
@pytest.mark.parametrize("shape", [(3, 1), (1, 2), (2, 3), (3,), (3, 2, 1)])
def test_a_wrong_shape_is_refused_not_broadcast(index: int, shape: tuple[int, ...]) -> None:
    zeros = torch.zeros(3, 2)
    arguments = [zeros, zeros, zeros, zeros, zeros, zeros.bool()]
    arguments[index] = torch.zeros(shape, dtype=arguments[index].dtype)
    with pytest.raises(ValueError, match=r"\[T, B\]"):
        vtrace(*arguments)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 1)])
def test_arguments_without_time_and_lane_are_refused(shape: tuple[int, ...]) -> None:
    zeros = torch.zeros(shape)
    with pytest.raises(ValueError, match=r"\[T, B\]"):
        vtrace(zeros, zeros, zeros, zeros, zeros, zeros.bool())


def test_the_policy_gradient_is_impalas() -> None:
    """The gradient of a softmax by hand: rho A (1{a} - pi)."""
    logits = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
    log_prob = torch.log_softmax(logits, -1)[:, 1]
    loss = policy_gradient_loss(log_prob, torch.tensor([2.0]), torch.tensor([0.7]))
    loss.sum().backward()
    pi = torch.softmax(logits.detach(), -1)
    expected = -0.7 * 2.0 * (torch.tensor([[0.0, 1.0, 0.0]]) - pi)
    torch.testing.assert_close(logits.grad, expected)
    with pytest.raises(ValueError, match="must share one shape"):
        policy_gradient_loss(torch.zeros(2), torch.zeros(3), torch.zeros(2))
