"""PopArt: value targets of any scale, outputs preserved.

Sources: van Hasselt et al. 2016, arXiv 1602.07714; Hessel et al. 2018, arXiv 1809.04474.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PopArt(nn.Module):
    """Running mean and scale of the value targets, and the surgery on the last layer that they call for.

    A head outputs normalised values n; values in units of the return are `sigma * n + mu`.

    Args:
        step_size: Weight of a new batch in the moments (paper: 3e-4). 0 leaves mu = 0 and sigma = 1: PopArt
            is off.
        sigma_min: Lower bound of sigma.
        sigma_max: Upper bound of sigma.

    Deviation: the first moments start as those of mu = 0, sigma = 1, without Adam's bias correction, so that
    early, unrepresentative targets cannot throw the scale.
    """

    mean: Tensor
    mean_square: Tensor

    def __init__(self, step_size: float = 3e-4, sigma_min: float = 1e-2, sigma_max: float = 1e6) -> None:
        super().__init__()
        if not 0 <= step_size <= 1:
            raise ValueError(f"step_size must be in [0, 1], got {step_size}")
        if not 0 < sigma_min <= sigma_max:
            raise ValueError(f"need 0 < sigma_min <= sigma_max, got {sigma_min}, {sigma_max}")
        self.step_size, self.sigma_min, self.sigma_max = step_size, sigma_min, sigma_max
        # Double precision: with a step of 3e-4, small steps on large moments drown in float32.
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean_square", torch.ones((), dtype=torch.float64))

    @property
    def sigma(self) -> Tensor:
        """[] float32 standard deviation of the targets."""
        variance = (self.mean_square - self.mean.square()).clamp_min(0.0)
        return variance.sqrt().clamp(self.sigma_min, self.sigma_max).float()

    @property
    def mu(self) -> Tensor:
        """[] float32 mean of the targets."""
        return self.mean.float()

    def normalize(self, value: Tensor) -> Tensor:
        """Units of the return -> normalised."""
        return (value - self.mu) / self.sigma

    def denormalize(self, normalized: Tensor) -> Tensor:
        """Normalised -> units of the return."""
        return self.sigma * normalized + self.mu

    @torch.no_grad()
    def update(self, target: Tensor, head: nn.Linear) -> None:
        """Move the moments towards `target`'s; rescale `head` so that its de-normalised outputs stay.

        Args:
            target: Any shape, the value targets of a batch in units of the return.
            head: The layer whose output is the normalised value; its weight and bias are changed in place, so
                this must not stand between a forward pass and its backward pass.
        """
        if self.step_size == 0 or target.numel() == 0:
            return
        old_mu, old_sigma = self.mu, self.sigma
        target = target.double()
        self.mean.lerp_(target.mean(), self.step_size)
        self.mean_square.lerp_(target.square().mean(), self.step_size)
        ratio = old_sigma / self.sigma
        head.weight.mul_(ratio)
        head.bias.mul_(ratio).add_((old_mu - self.mu) / self.sigma)
