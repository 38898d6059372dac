"""What several seeds have in common, and how sure one can be of it.

The definitions are those of rliable (Agarwal et al. 2021, "Deep reinforcement learning at the edge of the
statistical precipice"): interquartile mean, percentile bootstrap stratified by task, probability of
improvement. The package itself is not used: release 1.2.0 brings arch, pandas, statsmodels, seaborn and
scipy for these three formulas, and does not import with pandas 3 (arch 7.2). With pandas 2 it gave the same
numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Fewer runs say next to nothing about their spread.
FEWEST_SEEDS = 3
RESAMPLES = 2000
_ENDS = (2.5, 97.5)


class Estimate(NamedTuple):
    """A number and its 95 % interval; no interval from fewer than FEWEST_SEEDS seeds."""

    mean: float
    low: float | None
    high: float | None


def interquartile_mean(values: Floats) -> Floats:
    """Return the mean of the middle half along the first axis, [S, ...] -> [...].

    A quarter of the values, rounded down, is left out at each end.
    """
    cut = len(values) // 4
    middle: Floats = np.sort(values, axis=0)[cut : len(values) - cut].mean(axis=0)
    return middle


def bootstrap_interval(values: Floats, seed: int = 0) -> tuple[Floats, Floats]:
    """Return the 95 % interval of the interquartile mean by resampling the first axis, [S, ...] -> 2 x [...].

    Seeds are resampled whole, so that a curve stays a curve.
    """
    drawn = _draws(len(values), np.random.default_rng(seed))  # [R, S]
    low, high = np.percentile(interquartile_mean(np.moveaxis(values[drawn], 1, 0)), _ENDS, axis=0)
    return low, high


def aggregate(tasks: Sequence[ArrayLike], seed: int = 0) -> Estimate:
    """Return the interquartile mean over all runs of all tasks, with its stratified bootstrap interval.

    Args:
        tasks: The scores of each task's runs. A task with more runs than another weighs more; rliable's
            matrices allow no such thing.
        seed: Of the resampling, which draws as many runs of each task as it has.

    Raises:
        ValueError: There is no task, or one has no runs.
    """
    scores = [np.asarray(each, dtype=np.float64) for each in tasks]
    if not scores or not all(len(each) for each in scores):
        raise ValueError(f"tasks must hold scores of at least one run each, got {[len(e) for e in scores]}")
    generator = np.random.default_rng(seed)
    resampled = np.concatenate([each[_draws(len(each), generator)] for each in scores], axis=1)  # [R, all]
    mean = float(interquartile_mean(np.concatenate(scores)))
    return _estimate(mean, interquartile_mean(resampled.T), min(map(len, scores)))


def probability_of_improvement(ours: ArrayLike, theirs: ArrayLike, seed: int = 0) -> Estimate:
    """Return how probable it is that a run of ours scores higher than one of theirs; a tie counts one half.

    Mann and Whitney's U as a share of all pairs of runs; both sides are resampled for the interval.

    Args:
        ours: Scores, which may be infinite.
        theirs: Scores of the others on the same task.
        seed: Of the resampling.

    Raises:
        ValueError: A side has no runs.
    """
    x, y = (np.asarray(each, dtype=np.float64) for each in (ours, theirs))
    if not len(x) or not len(y):
        raise ValueError(f"both sides must have runs, got {len(x)} and {len(y)}")
    generator = np.random.default_rng(seed)
    resampled = _share_above(x[_draws(len(x), generator)], y[_draws(len(y), generator)])
    return _estimate(float(_share_above(x, y)), resampled, min(len(x), len(y)))


def _share_above(x: Floats, y: Floats) -> Floats:
    """[..., S] and [..., Z] -> [...]."""
    pairs = x[..., :, None], y[..., None, :]
    share: Floats = (np.greater(*pairs) + 0.5 * np.equal(*pairs)).mean(axis=(-2, -1))
    return share


def _estimate(mean: float, resampled: Floats, seeds: int) -> Estimate:
    if seeds < FEWEST_SEEDS:
        return Estimate(mean, None, None)
    low, high = np.percentile(resampled, _ENDS)
    return Estimate(mean, float(low), float(high))


def _draws(count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    return generator.integers(count, size=(RESAMPLES, count))
