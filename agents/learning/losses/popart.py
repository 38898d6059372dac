"""PopArt: value targets of any scale, outputs preserved.

Sources: van Hasselt et al. 2016, arXiv 1602.07714; Hessel et al. 2018, arXiv 1809.04474.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Update k moves the moments by at least 10 / (k + 9): they are of about the last tenth of all updates.
_HISTORY = 10
# In the first updates the head is not rescaled.
_SETTLING = 100
# Targets that differ by less than this share of their mean are taken to be equal: single precision resolves
# differences of some 1e-7 of it, and what is left of them is noise.
_RESOLUTION = 1e-5


class PopArt(nn.Module):
    """Running mean and scale of the value targets, and the surgery on the last layer that they call for.

    A head outputs normalised values n; values in units of the return are `sigma * n + mu`. Until targets
    differ, sigma is 0: all values are mu, and all normalised values and advantages 0.

    Everything here is linear in the rewards, so that what is learnt does not depend on their scale: rewards
    times a power of two change no bit of a normalised value, as long as targets and their differences are
    numbers of normal single precision (about 1e-38 to 3e38).

    Args:
        step_size: Least weight of a new batch in the moments (paper: 3e-4, always). 0 leaves mu = 0 and
            sigma = 1: PopArt is off.

    Deviations, because moments that start at 0 and 1 and move by 3e-4 leave it to the head to climb to values
    far from 0, which destroys the features it reads (docs/experiments.md, section 10): the moments begin with
    the rewards (`begin`) and are running averages at first; the head is not rescaled in the first 100 updates
    in which targets differ, when there is nothing to preserve yet and values are better off at the mean.
    """

    mean: Tensor
    mean_square: Tensor
    updates: Tensor

    def __init__(self, step_size: float = 3e-4) -> None:
        super().__init__()
        if not 0 <= step_size <= 1:
            raise ValueError(f"step_size must be in [0, 1], got {step_size}")
        self.step_size = step_size
        # Double precision: with a step of 3e-4, small steps on large moments drown in float32.
        self.register_buffer("mean", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean_square", torch.zeros((), dtype=torch.float64))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @property
    def is_off(self) -> bool:
        """Whether values are in units of the return."""
        return self.step_size == 0

    @property
    def sigma(self) -> Tensor:
        """[] float32 standard deviation of the targets; 0 while they do not differ."""
        if self.is_off:
            return torch.ones_like(self.mean, dtype=torch.float32)
        variance = self.mean_square - self.mean.square()
        is_noise = variance <= (_RESOLUTION * self.mean).square()
        return torch.where(is_noise, 0.0, variance).sqrt().float()

    @property
    def mu(self) -> Tensor:
        """[] float32 mean of the targets."""
        return self.mean.float()

    def normalize(self, value: Tensor) -> Tensor:
        """Units of the return -> normalised."""
        return self.in_sigmas(value - self.mu)

    def denormalize(self, normalized: Tensor) -> Tensor:
        """Normalised -> units of the return."""
        return self.sigma * normalized + self.mu

    def in_sigmas(self, difference: Tensor) -> Tensor:
        """A difference of values in units of sigma; 0 while that is 0."""
        sigma = self.sigma
        return torch.where(sigma == 0, 0.0 * difference, difference / sigma)

    @torch.no_grad()
    def begin(self, reward: Tensor, terminated: Tensor, gamma: float) -> None:
        """Set mu to the value of every step if all were alike, unless targets are known to differ already.

        Without it the first targets would be of values that are 0, and the moments, and with them what is
        learnt, would depend on what a constant adds to the rewards.

        Args:
            reward: Of any steps.
            terminated: bool, of the same steps.
            gamma: Discount.
        """
        if self.is_off or self.updates > 0 or reward.numel() == 0:
            return
        goes_on = gamma * (1.0 - terminated.double().mean())
        ahead = 1.0 / (1.0 - goes_on).clamp_min(1.0 / reward.numel())  # steps; as many as were seen at most
        self.mean.copy_(reward.double().mean() * ahead)
        self.mean_square.copy_(self.mean.square())

    @torch.no_grad()
    def update(self, target: Tensor, *heads: nn.Linear) -> None:
        """Move the moments towards `target`'s; rescale `heads` so that their de-normalised outputs stay.

        Args:
            target: Any shape, the value targets of a batch in units of the return.
            heads: The layers whose outputs are normalised values; their weights and biases are changed in
                place, so this must not stand between a forward pass and its backward pass.
        """
        if self.is_off or target.numel() == 0:
            return
        old_mu, old_sigma = self.mu, self.sigma
        step = max(self.step_size, _HISTORY / (int(self.updates) + _HISTORY))
        target = target.double()
        self.mean.lerp_(target.mean(), step)
        self.mean_square.lerp_(target.square().mean(), step)
        if self.sigma == 0:  # rewards have not been met: their first ones are to count in full
            self.updates.zero_()
            return
        self.updates += 1
        if self.updates > _SETTLING:
            ratio = old_sigma / self.sigma
            for head in heads:
                head.weight.mul_(ratio)
                head.bias.mul_(ratio).add_((old_mu - self.mu) / self.sigma)
