"""What losses, actor and files ask of a family of distributions of actions."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class ActionDistribution(abc.ABC):
    """A family of distributions of actions, which follows from their space.

    Everything is a function of tensors: a policy says parameters [..., P] of every step, actions are
    [..., S] with S for the shape of one, which may have no dimension; what is computed of them has the
    dimensions before.

    Attributes:
        num_parameters: P.
        head_width: How many of them a linear layer gives.
        num_features: F, how many numbers `features` makes of an action.
        shape: Of an action.
        dtype: Of an action.
        limit: Values of an action are from 0 and below this, or below these along the last axis; None: any.
        trust_regions: What V-MPO bounds one by one of a divergence, see `kl_parts`: endings of the names of
            settings and metrics.
    """

    num_parameters: int
    head_width: int
    num_features: int
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.int64
    limit: float | tuple[float, ...] | None = None
    trust_regions: ClassVar[tuple[str, ...]] = ("",)

    def head(self, linear: nn.Linear, log_std: nn.Parameter | float = 0.0) -> nn.Module:
        """Return what makes parameters of the outputs of a policy's layers.

        Args:
            linear: Gives `head_width` numbers.
            log_std: Of a family with spreads their logarithms [D], or where all of new ones begin.
        """
        return linear

    @abc.abstractmethod
    def log_prob(self, parameters: Tensor, action: Tensor) -> Tensor:
        """Return log-probabilities [...] of actions, or of their densities, in nats."""

    @abc.abstractmethod
    def entropy(self, parameters: Tensor) -> Tensor:
        """Return entropies [...] in nats."""

    def kl(self, p: Tensor, q: Tensor) -> Tensor:
        """Return KL(p || q), [...] nats.

        Raises:
            ValueError: Their shapes differ.
        """
        check_same(p, q)
        return self._kl(p, q)

    @abc.abstractmethod
    def _kl(self, p: Tensor, q: Tensor) -> Tensor: ...

    def kl_parts(self, p: Tensor, q: Tensor) -> tuple[Tensor, ...]:
        """Return what V-MPO bounds one by one of KL(p || q), [...] nats each: mostly one part, all of it.

        Raises:
            ValueError: Their shapes differ.
        """
        return (self.kl(p, q),)

    def sample(
        self, parameters: Tensor, generator: torch.Generator, rows_of: tuple[int, int] | None = None
    ) -> Tensor:
        """Draw actions [B, S].

        Args:
            parameters: [B, P] of the lanes to act in.
            generator: Of the random numbers.
            rows_of: (first, all) lanes, see `agents.learning.actor.Actor`.
        """
        first, lanes = rows_of or (0, len(parameters))
        noise = self._noise(parameters, lanes, generator)
        return self._drawn(parameters, noise[first : first + len(parameters)])

    @abc.abstractmethod
    def _noise(self, like: Tensor, lanes: int, generator: torch.Generator) -> Tensor:
        """[lanes, ...] random numbers."""

    @abc.abstractmethod
    def _drawn(self, parameters: Tensor, noise: Tensor) -> Tensor:
        """[B, S] what they make of parameters [B, P]."""

    @abc.abstractmethod
    def mode(self, parameters: Tensor) -> Tensor:
        """Return the likeliest actions [..., S]."""

    @abc.abstractmethod
    def features(self, action: Tensor) -> Tensor:
        """Return actions as inputs of a network, [..., F]."""

    def no_actions(self, lanes: int, device: torch.device) -> Tensor:
        """Return what stands in the place of actions [B, S] before there are any: zeros."""
        return torch.zeros((lanes, *self.shape), dtype=self.dtype, device=device)

    def as_taken(self, action: Tensor) -> NDArray[Any]:
        """Return actions [B, S] as environments take them."""
        return action.cpu().numpy()

    def diagnostics(self, parameters: Tensor) -> dict[str, Tensor]:
        """Return what there is to log of a policy beside its entropy, [] each by name."""
        return {}


def check_same(p: Tensor, q: Tensor) -> None:
    """Check that two policies have one shape.

    Raises:
        ValueError: They have not.
    """
    if p.shape != q.shape:
        raise ValueError(f"policies must have one shape, got {tuple(p.shape)} and {tuple(q.shape)}")
