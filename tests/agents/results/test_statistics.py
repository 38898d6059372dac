"""Interquartile means, their intervals, and probabilities of improvement."""

import math

import numpy as np
import pytest

from agents.results.statistics import (
    aggregate,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
)


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert interquartile_mean(np.array([0.0, 4.0, 6.0, 100.0])) == 5.0
    assert interquartile_mean(np.array([3.0, 1.0, 2.0])) == 2.0
    np.testing.assert_array_equal(interquartile_mean(np.array([[0, 1], [2, 3], [4, 5], [9, -9]])), [3, 2])


def test_bootstrap_interval_covers_as_often_as_it_says():
    """Of means of 12 normal samples; the percentile bootstrap is known to be a little too narrow."""
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(12, 300))
    low, high = bootstrap_interval(samples)
    assert 0.86 <= np.mean((low <= 0) & (high >= 0)) <= 0.98
    equal_low, equal_high = bootstrap_interval(np.full(5, 0.7))
    np.testing.assert_allclose([equal_low, equal_high], 0.7)


def test_interquartile_mean_pools_tasks_and_has_no_interval_of_two_seeds():
    assert aggregate([[0.0, 1.0, 5.0, 9.0]]).mean == 3.0
    assert aggregate([[0.0, 1.0], [5.0, 9.0]]) == (3.0, None, None)
    same = aggregate([[2.0, 2.0, 2.0], [4.0, 4.0, 4.0]])
    assert same == (3.0, 3.0, 3.0)  # strata are never mixed: each draw has three of either
    with pytest.raises(ValueError, match="at least one run each, got \\[2, 0\\]"):
        aggregate([[1.0, 2.0], []])


def test_probability_of_improvement_counts_pairs_and_halves_ties():
    assert probability_of_improvement([1.0, 3.0], [2.0]).mean == 0.5
    assert probability_of_improvement([1.0, 2.0, 3.0], [2.0, 0.0, 2.0]).mean == pytest.approx(6 / 9)
    assert probability_of_improvement([-1.0, -math.inf], [-math.inf, -math.inf]).mean == 0.75
    assert probability_of_improvement([1.0, 2.0, 3.0], [0.0, 0.5, 0.9]) == (1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="got 1 and 0"):
        probability_of_improvement([1.0], [])
