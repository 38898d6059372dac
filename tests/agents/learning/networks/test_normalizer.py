"""The running normaliser: moments of all that was observed, however it was cut into batches."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.learning.networks.normalizer import LARGEST_INPUT, SMALLEST_DEVIATION, RunningNormalizer


@settings(deadline=None)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 1000))
def test_moments_do_not_depend_on_the_batches(sizes: list[int], seed: int) -> None:
    inputs = 5 + 3 * torch.randn(sum(sizes), 4, generator=torch.Generator().manual_seed(seed))
    normalizer = RunningNormalizer(4)
    for batch in inputs.split(sizes):
        normalizer.observe(batch)
    torch.testing.assert_close(normalizer.mean, inputs.double().mean(0))
    torch.testing.assert_close(normalizer.variance, inputs.double().var(0, unbiased=False))


def test_inputs_pass_unchanged_until_something_was_observed() -> None:
    inputs = torch.tensor([[0.0, 1.0], [0.5, -2.0]])
    torch.testing.assert_close(RunningNormalizer(2)(inputs), inputs)


def test_observed_inputs_are_standardised() -> None:
    inputs = torch.tensor([10.0, 20.0]) + torch.tensor([4.0, 0.5]) * torch.randn(5000, 2)
    normalizer = RunningNormalizer(2)
    normalizer.observe(inputs)
    outputs = normalizer(inputs)
    torch.testing.assert_close(outputs.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(outputs.std(0), torch.ones(2), atol=1e-3, rtol=0)


def test_what_never_varied_is_scaled_by_a_bounded_factor_and_cut() -> None:
    normalizer = RunningNormalizer(1)
    normalizer.observe(torch.zeros(100, 1))
    torch.testing.assert_close(normalizer(torch.tensor([[0.1]])), torch.tensor([[0.1 / SMALLEST_DEVIATION]]))
    torch.testing.assert_close(normalizer(torch.tensor([[5.0]])), torch.tensor([[LARGEST_INPUT]]))
