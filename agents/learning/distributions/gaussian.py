"""Normal distributions of independent numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.learning.distributions.base import ActionDistribution, check_same

_HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)


class DiagonalGaussian(ActionDistribution):
    """D independent normal numbers, by their means and the logarithms of their spreads [..., 2 D]: of a Box.

    As in Stable-Baselines3, actions are drawn and judged without bounds, float32 [..., D], and environments
    get them clipped to the box; and a spread is one learnt number per dimension, whatever is observed, so
    that weights can be exchanged with its policies, of which one acts. (In Song et al. 2020 it depends on
    the state.)

    Args:
        low: Lower bounds, of the shape of the box.
        high: Upper bounds.
    """

    dtype = torch.float32
    trust_regions = ("", "_spread")

    def __init__(self, low: NDArray[Any], high: NDArray[Any]) -> None:
        self.low, self.high = low, high
        self.head_width = self.num_features = low.size
        self.num_parameters, self.shape = 2 * low.size, (low.size,)

    def head(self, linear: nn.Linear, log_std: nn.Parameter | float = 0.0) -> nn.Module:
        """A `GaussianHead`."""
        if not isinstance(log_std, nn.Parameter):
            log_std = nn.Parameter(torch.full((self.head_width,), float(log_std)))
        return GaussianHead(linear, log_std)

    def log_prob(self, parameters: Tensor, action: Tensor) -> Tensor:
        """Of the density, summed over dimensions: -((a - mu) / sigma)^2 / 2 - log sigma - log(2 pi) / 2."""
        mean, log_std = parameters.chunk(2, dim=-1)
        deviation = (action.to(parameters) - mean) * (-log_std).exp()
        return -(0.5 * deviation.square() + log_std + _HALF_LOG_TAU).sum(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        """Of the density, summed over dimensions: log sigma + log(2 pi e) / 2; it may be negative."""
        _, log_std = parameters.chunk(2, dim=-1)
        return (log_std + (0.5 + _HALF_LOG_TAU)).sum(-1)

    def _kl(self, p: Tensor, q: Tensor) -> Tensor:
        return _of_means(p, q, unit=q) + _of_spreads(p, q)

    def kl_parts(self, p: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        """Return what moving the mean alone, and what moving the spread alone, would cost; see `base`.

        Source: Song et al. 2020, arXiv 1909.12238, after Abdolmaleki et al. 2018, arXiv 1812.02256: the KL
        divergences of N(mu_p, S_p) from N(mu_q, S_p) and from N(mu_p, S_q).
        """
        check_same(p, q)
        return _of_means(p, q, unit=p), _of_spreads(p, q)

    def _noise(self, like: Tensor, lanes: int, generator: torch.Generator) -> Tensor:
        return like.new_empty(lanes, self.head_width).normal_(generator=generator)

    def _drawn(self, parameters: Tensor, noise: Tensor) -> Tensor:
        mean, log_std = parameters.chunk(2, dim=-1)
        return (mean + log_std.exp() * noise).to(self.dtype)

    def mode(self, parameters: Tensor) -> Tensor:
        """The means."""
        return parameters.chunk(2, dim=-1)[0].to(self.dtype)

    def features(self, action: Tensor) -> Tensor:
        """What the environment got of it; from -1 to 1 in dimensions that are bounded on both sides."""
        low, high = (torch.as_tensor(side.ravel()).to(action) for side in (self.low, self.high))
        reach = 0.5 * high - 0.5 * low
        scaled = reach.isfinite() & (reach > 0)
        middle, unit = torch.where(scaled, 0.5 * low + 0.5 * high, 0.0), torch.where(scaled, reach, 1.0)
        return (action.clamp(low, high) - middle) / unit

    def as_taken(self, action: Tensor) -> NDArray[Any]:
        """[B, D] -> [B, ...] in the shape of the box, clipped to its bounds."""
        return np.clip(action.cpu().numpy().reshape(-1, *self.low.shape), self.low, self.high)

    def diagnostics(self, parameters: Tensor) -> dict[str, Tensor]:
        """The mean spread."""
        return {"spread": parameters.detach().chunk(2, dim=-1)[1].exp().mean()}


class GaussianHead(nn.Module):
    """Means by a linear layer, and spreads that do not depend on what it reads.

    Args:
        mean: [..., D'] -> [..., D].
        log_std: [D] logarithms of the spreads.
    """

    def __init__(self, mean: nn.Linear, log_std: nn.Parameter) -> None:
        super().__init__()
        self.mean, self.log_std = mean, log_std

    def forward(self, features: Tensor) -> Tensor:
        """[..., D'] -> [..., 2 D], parameters of a `DiagonalGaussian`."""
        mean = self.mean(features)
        return torch.cat([mean, self.log_std.expand_as(mean)], dim=-1)


def _of_means(p: Tensor, q: Tensor, unit: Tensor) -> Tensor:
    """Half the squared distance of the means of p and q, in spreads of `unit`."""
    (mean, _), (other, _), (_, log_std) = (each.chunk(2, dim=-1) for each in (p, q, unit))
    return 0.5 * ((mean - other) * (-log_std).exp()).square().sum(-1)


def _of_spreads(p: Tensor, q: Tensor) -> Tensor:
    """KL(p || q) if their means were one."""
    wider = q.chunk(2, dim=-1)[1] - p.chunk(2, dim=-1)[1]
    return (wider + 0.5 * torch.expm1(-2.0 * wider)).sum(-1)
