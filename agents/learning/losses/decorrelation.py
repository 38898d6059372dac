"""A penalty on features that say the same."""

from __future__ import annotations

from torch import Tensor


def decorrelation(features: Tensor) -> Tensor:
    """Return the mean square of the covariances [] of different features: 0 where none tells of another.

    Source: Mavrin, Yao & Kong 2019, arXiv 1903.07765, for the features of DQN. They add it to the loss of
    one network; here learner and actor have one each.

    Args:
        features: [..., D], what the heads read; D at least 2, or there is nothing to compare.
    """
    flat = features.flatten(0, -2)
    count, width = flat.shape
    if width < 2:
        return flat.new_zeros(())
    deviation = flat - flat.mean(dim=0)
    covariance = deviation.mT @ deviation / count
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / (width * (width - 1))
