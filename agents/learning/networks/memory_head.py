"""A head that names what has to be remembered."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.memory_targets import LEFT_OUT


class MemoryHead(nn.Linear):
    """A linear layer from what a core says to the values of K memory targets; acting never uses it.

    Args:
        width: D of the core's outputs.
        sizes: Number of values of each target.
    """

    def __init__(self, width: int, sizes: Sequence[int]) -> None:
        super().__init__(width, sum(sizes))
        self.sizes = tuple(sizes)

    @classmethod
    def added_to(
        cls, optimizer: torch.optim.Optimizer, width: int, sizes: Sequence[int], device: torch.device
    ) -> MemoryHead | None:
        """Return a head whose parameters an optimizer trains from now on; None where there are no targets."""
        if not sizes:
            return None
        head = cls(width, sizes).to(device)
        optimizer.add_param_group({"params": [*head.parameters()]})
        return head

    def probabilities(self, core: Tensor) -> tuple[Tensor, ...]:
        """[..., D] -> of each target [..., n], how likely each value is."""
        return tuple(each.softmax(dim=-1) for each in self(core).split(self.sizes, dim=-1))

    def loss(self, core: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """How badly labels are predicted.

        Args:
            core: [T, B, D], with gradient.
            label: [T, B, K], `agents.learning.memory_targets`: LEFT_OUT or 1 + value.

        Returns:
            [] the cross entropy, averaged over the steps that have a label and summed over targets, with
            gradient; 0 where no step has one. [] the share of labels that the likeliest value names, without;
            NaN where there are none.
        """
        steps = label.flatten(0, 1)
        predicted = self(core.flatten(0, 1)).split(self.sizes, dim=-1)
        pairs = list(zip(predicted, steps.unbind(-1), strict=True))
        ignored = LEFT_OUT - 1
        sums = [F.cross_entropy(each, own - 1, ignore_index=ignored, reduction="sum") for each, own in pairs]
        counts = [(own != LEFT_OUT).sum() for _, own in pairs]
        means = [total / count.clamp(min=1) for total, count in zip(sums, counts, strict=True)]
        right = sum((each.argmax(dim=-1) == own - 1).sum() for each, own in pairs)
        return sum(means, core.new_zeros(())), (right / sum(counts)).detach()
