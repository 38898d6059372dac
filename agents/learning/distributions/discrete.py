"""Distributions over choices: one, several, and several of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from agents.learning.distributions.base import ActionDistribution


class Categorical(ActionDistribution):
    """One of A choices, by their logits: of a Discrete space. Actions are int64, features one-hot.

    Args:
        choices: A.
    """

    shape = ()

    def __init__(self, choices: int) -> None:
        self.num_parameters = self.head_width = self.num_features = self.limit = choices

    def log_prob(self, parameters: Tensor, action: Tensor) -> Tensor:
        """[..., A], [...] -> [...]. As a loss, because gather's gradient is slow."""
        flat = parameters.flatten(0, -2)
        return -F.cross_entropy(flat, action.flatten(), reduction="none").view_as(action)

    def entropy(self, parameters: Tensor) -> Tensor:
        """-sum_a pi(a) log pi(a)."""
        log_prob = torch.log_softmax(parameters, dim=-1)
        return -(log_prob.exp() * log_prob).sum(-1)

    def _kl(self, p: Tensor, q: Tensor) -> Tensor:
        log_p, log_q = torch.log_softmax(p, dim=-1), torch.log_softmax(q, dim=-1)
        return (log_p.exp() * (log_p - log_q)).sum(-1)

    def _noise(self, like: Tensor, lanes: int, generator: torch.Generator) -> Tensor:
        return like.new_empty(lanes, self.num_parameters).exponential_(generator=generator)

    def _drawn(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """The exponential race, i.e. Gumbel's trick without logarithms."""
        return (torch.softmax(parameters, dim=-1) / noise).argmax(dim=-1)

    def mode(self, parameters: Tensor) -> Tensor:
        """The largest logit's."""
        return parameters.argmax(dim=-1)

    def features(self, action: Tensor) -> Tensor:
        """One-hot."""
        return F.one_hot(action, self.num_features)


class MultiCategorical(ActionDistribution):
    """K independent choices, by the logits of the first, of the second, ...: of a MultiDiscrete space.

    Actions are int64 [..., K], features one-hot, in the order of the logits.

    Args:
        choices: How many there are of each.
    """

    def __init__(self, choices: Sequence[int]) -> None:
        self._each = [Categorical(count) for count in choices]
        self.num_parameters = self.head_width = self.num_features = sum(choices)
        self.shape, self.limit = (len(choices),), tuple(map(float, choices))

    def log_prob(self, parameters: Tensor, action: Tensor) -> Tensor:
        """Sum of the choices' log-probabilities."""
        parts = zip(self._apart(parameters), action.unbind(-1), strict=True)
        return _sum(each.log_prob(own, column) for (each, own), column in parts)

    def entropy(self, parameters: Tensor) -> Tensor:
        """Sum of the choices' entropies."""
        return _sum(each.entropy(own) for each, own in self._apart(parameters))

    def _kl(self, p: Tensor, q: Tensor) -> Tensor:
        parts = zip(self._apart(p), self._apart(q), strict=True)
        return _sum(each.kl(mine, theirs) for (each, mine), (_, theirs) in parts)

    def _noise(self, like: Tensor, lanes: int, generator: torch.Generator) -> Tensor:
        return like.new_empty(lanes, self.num_parameters).exponential_(generator=generator)

    def _drawn(self, parameters: Tensor, noise: Tensor) -> Tensor:
        parts = zip(self._apart(parameters), self._apart(noise), strict=True)
        return torch.stack([each._drawn(own, race) for (each, own), (_, race) in parts], dim=-1)

    def mode(self, parameters: Tensor) -> Tensor:
        """The largest logit's of each."""
        return torch.stack([each.mode(own) for each, own in self._apart(parameters)], dim=-1)

    def features(self, action: Tensor) -> Tensor:
        """One-hot, one choice behind the other."""
        parts = zip(self._each, action.unbind(-1), strict=True)
        return torch.cat([each.features(column) for each, column in parts], dim=-1)

    def _apart(self, parameters: Tensor) -> Iterator[tuple[Categorical, Tensor]]:
        parts = parameters.split([each.num_parameters for each in self._each], dim=-1)
        return zip(self._each, parts, strict=True)


class Bernoulli(ActionDistribution):
    """N independent bits, by the logits of their being 1: of a MultiBinary space.

    Actions are 0 or 1 in float32, as Stable-Baselines3 has them, and are their own features.

    Args:
        bits: N.
    """

    dtype = torch.float32
    limit = 2.0

    def __init__(self, bits: int) -> None:
        self.num_parameters = self.head_width = self.num_features = bits
        self.shape = (bits,)

    def log_prob(self, parameters: Tensor, action: Tensor) -> Tensor:
        """Sum over bits."""
        loss = F.binary_cross_entropy_with_logits(parameters, action.to(parameters), reduction="none")
        return -loss.sum(-1)

    def entropy(self, parameters: Tensor) -> Tensor:
        """Sum over bits of -p log p - (1 - p) log (1 - p), with log (1 - p) = -softplus and p / (1 - p)."""
        return (F.softplus(parameters) - parameters * parameters.sigmoid()).sum(-1)

    def _kl(self, p: Tensor, q: Tensor) -> Tensor:
        ones, zeros = (F.logsigmoid(sign * p) - F.logsigmoid(sign * q) for sign in (1, -1))
        return (p.sigmoid() * ones + (-p).sigmoid() * zeros).sum(-1)

    def _noise(self, like: Tensor, lanes: int, generator: torch.Generator) -> Tensor:
        return like.new_empty(lanes, self.num_parameters).uniform_(generator=generator)

    def _drawn(self, parameters: Tensor, noise: Tensor) -> Tensor:
        return (noise < parameters.sigmoid()).to(self.dtype)

    def mode(self, parameters: Tensor) -> Tensor:
        """1 where that is likelier than 0."""
        return (parameters > 0).to(self.dtype)

    def features(self, action: Tensor) -> Tensor:
        """The bits."""
        return action


def _sum(parts: Iterator[Tensor]) -> Tensor:
    return torch.stack([*parts]).sum(0)
