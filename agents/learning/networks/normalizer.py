"""Inputs of zero mean and unit variance, by running moments."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Inputs that hardly ever vary are scaled up at most by the inverse of this, and cut at this many deviations.
SMALLEST_DEVIATION = 0.05
LARGEST_INPUT = 10.0


class RunningNormalizer(nn.Module):
    """Standardises each input by the moments of all inputs observed so far.

    A rare feature, such as the one tile in a maze that matters, stands out as much as a frequent one.
    Until something has been observed, inputs pass unchanged.

    Args:
        size: Number of inputs F.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def observe(self, inputs: Tensor) -> None:
        """Take inputs [N, F] into the moments (Chan et al. 1979: moments of two sets from those of each)."""
        inputs = inputs.double()
        number, mean = len(inputs), inputs.mean(dim=0)
        total = self.count + number
        shift = mean - self.mean
        within = self.variance * self.count + inputs.var(dim=0, unbiased=False) * number
        self.variance.copy_((within + shift.square() * self.count * number / total) / total)
        self.mean.add_(shift * (number / total))
        self.count.copy_(total)

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., F] -> [..., F]."""
        deviation = self.variance.sqrt().clamp_min(SMALLEST_DEVIATION)
        scaled = (inputs - self.mean.to(inputs.dtype)) / deviation.to(inputs.dtype)
        return scaled.clamp(-LARGEST_INPUT, LARGEST_INPUT)
