"""Whether a network still tells states apart, and which loss drives it: what dies in silence otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor

# A feature beyond this is called saturated; those of an LSTM lie between -1 and 1.
_SATURATED = 0.97
# Features of a rank below this say one thing of every state at most.
_COLLAPSED_RANK = 1.5
# For so many unrolls in a row, before it is told.
_PATIENCE = 100


class Collapsed(UserWarning):
    """A network's features hardly differ between states any more."""


@torch.no_grad()
def feature_health(features: Tensor) -> dict[str, Tensor]:
    """How much the features of a batch tell of its states.

    Args:
        features: [..., D], what the heads read.

    Returns:
        "feature_spread", the root mean square of the features' standard deviations; "feature_rank", the
        effective rank of their deviations from the mean (Roy & Vetterli 2007: the exponential of the entropy
        of the singular values' shares), from 0, where they are constant, to D; "feature_saturation", the
        share beyond 0.97 in absolute value; "feature_correlation", the mean absolute correlation of two
        different features, among those that are not constant.
    """
    flat = features.flatten(0, -2).double()
    deviation = flat - flat.mean(dim=0)
    covariance = deviation.mT @ deviation / len(flat)
    variance = torch.linalg.eigvalsh(covariance).clamp_min(0.0)
    singular = variance.sqrt()
    total = singular.sum()
    is_constant = total <= 1e-6 * flat.abs().amax()  # what is left is rounding
    rank = torch.special.entr(singular / total).sum().exp()
    return {
        "feature_spread": variance.mean().sqrt(),
        "feature_rank": torch.where(is_constant, 0.0, rank),
        "feature_saturation": (flat.abs() > _SATURATED).double().mean(),
        "feature_correlation": _mean_correlation(covariance, flat.abs().amax()),
    }


def _mean_correlation(covariance: Tensor, largest: Tensor) -> Tensor:
    """[] of features [D, D] up to `largest`; those that vary by rounding alone do not count."""
    spread = covariance.diagonal().clamp_min(0.0).sqrt()
    varies = spread > 1e-6 * largest
    correlation = covariance[varies][:, varies].abs() / spread[varies].outer(spread[varies])
    count = len(correlation)
    return correlation.fill_diagonal_(0.0).sum() / max(1, count * (count - 1))


def gradient_norms(terms: Mapping[str, Tensor], features: Tensor) -> dict[str, Tensor]:
    """The norm of the gradient that each term of a loss sends into the features, 0 where it sends none.

    Args:
        terms: Scalars by name; their graphs are kept.
        features: What they were computed from, with gradient.
    """
    norms = {}
    for name, term in terms.items():
        if not term.requires_grad:
            continue
        [slope] = torch.autograd.grad(term, features, retain_graph=True, allow_unused=True)
        norms[name] = torch.zeros_like(term.detach()) if slope is None else slope.norm()
    return norms


class CollapseWatch:
    """Tells once when the features of a network have had next to no rank for a hundred unrolls.

    Args:
        whose: "learner" or "actor": the beginning of the metric's name.
        advice: What to try, the end of a sentence.
    """

    def __init__(self, whose: str, advice: str) -> None:
        self.whose, self.advice = whose, advice
        self._in_a_row, self._told = 0, False

    def see(self, metrics: Mapping[str, float | Tensor]) -> None:
        """Take note of an unroll's diagnostics.

        Warns:
            Collapsed: It is so.
        """
        rank = metrics.get(f"{self.whose}/feature_rank")
        if rank is None or self._told:
            return
        self._in_a_row = self._in_a_row + 1 if float(rank) < _COLLAPSED_RANK else 0
        if self._in_a_row == _PATIENCE:
            self._told = True
            warnings.warn(
                f"the {self.whose}'s features have had an effective rank of about {float(rank):.1f} for "
                f"{_PATIENCE} unrolls: it says nearly the same of every state and will hardly learn; "
                f"{self.advice}",
                Collapsed,
                stacklevel=2,
            )
