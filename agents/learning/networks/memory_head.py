"""A head that says what has to be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.memory_targets import LEFT_OUT
from agents.learning.networks.normalizer import LARGEST_INPUT, RunningNormalizer
from agents.learning.target_kinds import Numbers, Values, kinds_of

# A smaller spread, relative to the mean, is taken for none: as PopArt's.
_SMALLEST_SPREAD = 1e-5


class MemoryLoss(NamedTuple):
    """How badly labels are predicted."""

    loss: Tensor
    """[] summed over targets, with gradient."""
    metrics: dict[str, Tensor]
    """How well, by the name to log it under, of the kinds of targets that there are; NaN without labels."""


class Units(RunningNormalizer):
    """Standardises real numbers by the moments of those observed, however large or small they are.

    Bounds of a space say little of it: those of speeds, for instance, are mostly infinite.
    """

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., F] -> [..., F]."""
        deviation = self.variance.sqrt()
        is_spread = deviation > _SMALLEST_SPREAD * self.mean.abs()
        scaled = (inputs.double() - self.mean) / torch.where(is_spread, deviation, torch.inf)
        return scaled.clamp(-LARGEST_INPUT, LARGEST_INPUT).to(inputs.dtype)


class MemoryHead(nn.Linear):
    """A linear layer from what a core says to K memory targets; acting never uses it.

    Args:
        width: D of the core's outputs.
        sizes: Of the targets, see `agents.learning.target_kinds`.
    """

    def __init__(self, width: int, sizes: Sequence[Any]) -> None:
        kinds = kinds_of(sizes)
        super().__init__(width, sum(kind.outputs for kind in kinds))
        self.kinds = kinds
        numbers = sum(kind.count for kind in kinds if isinstance(kind, Numbers))
        self.units = Units(numbers) if numbers else None

    @classmethod
    def added_to(
        cls, optimizer: torch.optim.Optimizer, width: int, sizes: Sequence[Any], device: torch.device
    ) -> MemoryHead | None:
        """Return a head whose parameters an optimizer trains from now on; None where there are no targets."""
        if not sizes:
            return None
        head = cls(width, sizes).to(device)
        optimizer.add_param_group({"params": [*head.parameters()]})
        return head

    def observe(self, label: Tensor) -> None:
        """Take labels [T, B, K] into the moments of the real numbers among them."""
        if self.units is not None:
            self.units.observe(self._numbers(label.flatten(0, 1)))

    def probabilities(self, core: Tensor) -> tuple[Tensor, ...]:
        """[..., D] -> of each target that is one whole number [..., n], how likely each value is."""
        said = zip(self.kinds, self._said(core), strict=True)
        single = [each for kind, each in said if isinstance(kind, Values) and kind.columns == 1]
        return tuple(each.softmax(dim=-1) for each in single)

    def loss(self, core: Tensor, label: Tensor) -> MemoryLoss:
        """How badly labels are predicted.

        Whole numbers cost their cross entropy, averaged over the steps that have a label; real ones the
        square of the error in units of their spread. A target of several counts as the mean of them.

        Args:
            core: [T, B, D], with gradient.
            label: [T, B, K], `agents.learning.memory_targets`.
        """
        steps = label.flatten(0, 1)
        labels = steps.split([kind.columns for kind in self.kinds], dim=-1)
        named, explained = _Named(), _Explained()
        losses = []
        numbers = () if self.units is None else self.units(self._numbers(steps)).split(self._counts, dim=-1)
        following = iter(numbers)
        for kind, own, said in zip(self.kinds, labels, self._said(core.flatten(0, 1)), strict=True):
            if isinstance(kind, Values):
                losses.append(named.loss(kind, said, own))
            else:
                losses.append(explained.loss(said, next(following)))
        return MemoryLoss(sum(losses, core.new_zeros(())), named.metrics() | explained.metrics())

    def _said(self, core: Tensor) -> tuple[Tensor, ...]:
        return self(core).split([kind.outputs for kind in self.kinds], dim=-1)

    @property
    def _counts(self) -> list[int]:
        return [kind.count for kind in self.kinds if isinstance(kind, Numbers)]

    def _numbers(self, steps: Tensor) -> Tensor:
        """[N, K] labels -> [N, R] the real numbers among them."""
        parts = steps.split([kind.columns for kind in self.kinds], dim=-1)
        return torch.cat(
            [each for kind, each in zip(self.kinds, parts, strict=True) if isinstance(kind, Numbers)], dim=-1
        )


class _Named:
    """Cross entropies of whole numbers, and how many of them the likeliest value names."""

    def __init__(self) -> None:
        self._right: list[Tensor] = []
        self._counts: list[Tensor] = []

    def loss(self, kind: Values, said: Tensor, label: Tensor) -> Tensor:
        """[] of a target: [N, outputs] logits, [N, columns] labels."""
        pairs = list(zip(said.split(kind.limits, dim=-1), label.long().unbind(-1), strict=True))
        ignored = LEFT_OUT - 1
        sums = [F.cross_entropy(each, own - 1, ignore_index=ignored, reduction="sum") for each, own in pairs]
        counts = [(own != LEFT_OUT).sum() for _, own in pairs]
        self._right += [(each.argmax(dim=-1) == own - 1).sum() for each, own in pairs]
        self._counts += counts
        means = [total / count.clamp(min=1) for total, count in zip(sums, counts, strict=True)]
        return means[0] if len(means) == 1 else torch.stack(means).mean()

    def metrics(self) -> dict[str, Tensor]:
        if not self._counts:
            return {}
        return {
            "memory_accuracy": (torch.stack(self._right).sum() / torch.stack(self._counts).sum()).detach()
        }


class _Explained:
    """Squared errors of real numbers, and how much of their variance in the batch is explained."""

    def __init__(self) -> None:
        self._shares: list[Tensor] = []

    def loss(self, said: Tensor, number: Tensor) -> Tensor:
        """[] of a target: [N, columns] predictions and what was to be predicted, both standardised."""
        squares = (said - number).square().mean(dim=0)
        variance = number.var(dim=0, unbiased=False)
        self._shares.append(torch.where(variance > 0, 1 - squares.detach() / variance, torch.nan))
        return squares.mean()

    def metrics(self) -> dict[str, Tensor]:
        return {"memory_explained_variance": torch.cat(self._shares).nanmean()} if self._shares else {}
