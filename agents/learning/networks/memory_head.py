"""A head that says what has to be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.learning.distributions.base import ActionDistribution
from agents.learning.memory_targets import LEFT_OUT, is_unusual, next_events
from agents.learning.networks.normalizer import LARGEST_INPUT, RunningNormalizer
from agents.learning.target_kinds import Events, Numbers, Values, is_single, kinds_of
from agents.learning.unroll import Unroll

# Width of the hidden layer between what is seen of an event and its vector.
_EVENT_LAYER = 64
# A smaller spread, relative to the mean, is taken for none: as PopArt's.
_SMALLEST_SPREAD = 1e-5


class Seen(NamedTuple):
    """What was seen and done at T steps of B lanes, of which events without a name are told apart."""

    inputs: Tensor
    """[T, B, F] features of the observations."""
    action: Tensor
    """[T, B, F'] features of the actions, see `ActionDistribution.features`."""
    done: Tensor
    """[T, B] bool, where an episode ended."""

    @classmethod
    def of(cls, unroll: Unroll, inputs: Tensor, distribution: ActionDistribution) -> Seen:
        """Return that of an unroll whose observations have these features, and its actions a distribution."""
        return cls(inputs, distribution.features(unroll.action).to(inputs), unroll.done)


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

    def undone(self, inputs: Tensor) -> Tensor:
        """[..., F] standardised numbers -> [..., F] as they were."""
        return (inputs.double() * self.variance.sqrt() + self.mean).to(inputs.dtype)


class MemoryHead(nn.Linear):
    """A linear layer from what a core says to memory targets; acting never uses it.

    Which event comes next, where nobody names it, is told from the other events of a batch, as in contrastive
    predictive coding (van den Oord et al. 2018, arXiv 1807.03748): a small network makes a vector of what was
    seen and done at each event, and of these the one that follows has to have the largest dot product with
    the head's outputs. There is no temperature, as there: the layer's own scale is one.

    Args:
        width: D of the core's outputs.
        sizes: Of the targets, see `agents.learning.target_kinds`.
        seen: F + F' of `Seen`; not needed without such events.
    """

    def __init__(self, width: int, sizes: Sequence[Any], seen: int = 0) -> None:
        kinds = kinds_of(sizes)
        super().__init__(width, sum(kind.outputs for kind in kinds))
        self.kinds = kinds
        numbers = sum(kind.number for kind in kinds if isinstance(kind, Numbers))
        self.units = Units(numbers) if numbers else None
        self.events = nn.ModuleList(
            nn.Sequential(nn.Linear(seen, _EVENT_LAYER), nn.ReLU(), nn.Linear(_EVENT_LAYER, kind.width))
            for kind in kinds
            if isinstance(kind, Events)
        )

    def meet(self, label: Tensor, reward: Tensor) -> Tensor:
        """Return labels [T, B, K] that were not seen before with unusual rewards [T, B] among them marked."""
        marked = [
            is_unusual(reward).unsqueeze(-1).to(part) if isinstance(kind, Events) else part
            for kind, part in zip(self.kinds, self._labels(label), strict=True)
        ]
        label = torch.cat(marked, dim=-1)
        self.observe(label)
        return label

    def observe(self, label: Tensor) -> None:
        """Take labels [T, B, K] into the moments of the real numbers among them."""
        if self.units is not None:
            self.units.observe(torch.cat(self._numbers(self._labels(label.flatten(0, 1))), dim=-1))

    def probabilities(self, core: Tensor) -> tuple[Tensor, ...]:
        """[..., D] -> of each target that is one whole number [..., n], how likely each value is."""
        said = zip(self.kinds, self._outputs(self(core)), strict=True)
        return tuple(each.softmax(dim=-1) for kind, each in said if is_single(kind))

    def taught(self, core: Tensor) -> Tensor:
        """[..., D] -> [..., O] what another head may be taught: its outputs, real numbers as told."""
        parts = list(self._outputs(self(core)))
        if self.units is not None:
            numbers = self.units.undone(torch.cat(self._numbers(parts), dim=-1)).split(self._counts, dim=-1)
            following = iter(numbers)
            parts = [
                next(following) if isinstance(kind, Numbers) else part
                for kind, part in zip(self.kinds, parts, strict=True)
            ]
        return torch.cat(parts, dim=-1)

    def loss(
        self,
        core: Tensor,
        label: Tensor,
        seen: Seen | None = None,
        teacher: Tensor | None = None,
        share: float = 0.0,
    ) -> MemoryLoss:
        """How badly labels are predicted.

        Whole numbers cost their cross entropy, averaged over the steps that have a label; real ones the
        square of the error in units of their spread; events without a name the cross entropy of the one that
        follows among those of the batch. A target of several counts as the mean of them.

        Args:
            core: [T, B, D], with gradient.
            label: [T, B, K], `agents.learning.memory_targets`.
            seen: At these steps; not needed without events that nobody names.
            teacher: [T, B, O] what another head said, see `taught`; None without one.
            share: How much of the loss compares with the teacher instead of the labels: with its
                distribution, or its numbers, at all steps. Events without a name have labels alone.
        """
        outputs, labels = self._outputs(self(core)), self._labels(label)
        named, explained, told_apart = _Named(), _Explained(), _ToldApart()
        numbers, encoders = iter(self._standardised(labels)), iter(self.events)
        losses = []
        for kind, own, said in zip(self.kinds, labels, outputs, strict=True):
            if isinstance(kind, Values):
                losses.append(named.loss(kind, said.flatten(0, 1), own.flatten(0, 1)))
            elif isinstance(kind, Numbers):
                losses.append(explained.loss(said.flatten(0, 1), next(numbers).flatten(0, 1)))
            else:
                assert seen is not None
                losses.append(told_apart.loss(said, own.squeeze(-1) != LEFT_OUT, seen, next(encoders)))
        if teacher is not None:
            losses = self._mixed(losses, outputs, teacher, share)
        metrics = named.metrics() | explained.metrics() | told_apart.metrics()
        return MemoryLoss(sum(losses, core.new_zeros(())), metrics)

    def _mixed(
        self, losses: Sequence[Tensor], outputs: Sequence[Tensor], teacher: Tensor, share: float
    ) -> list[Tensor]:
        """The losses, in part replaced by the distance to what a teacher said."""
        taught = self._outputs(teacher)
        numbers = iter(self._standardised(taught))
        mixed = []
        for kind, loss, said, by in zip(self.kinds, losses, outputs, taught, strict=True):
            if isinstance(kind, Numbers):
                loss = (1 - share) * loss + share * (said - next(numbers)).square().mean()
            elif isinstance(kind, Values):
                loss = (1 - share) * loss + share * _soft(kind, said.flatten(0, 1), by.flatten(0, 1))
            mixed.append(loss)
        return mixed

    def _outputs(self, said: Tensor) -> Sequence[Tensor]:
        return said.split([kind.outputs for kind in self.kinds], dim=-1)

    def _labels(self, label: Tensor) -> Sequence[Tensor]:
        return label.split([kind.columns for kind in self.kinds], dim=-1)

    @property
    def _counts(self) -> list[int]:
        return [kind.number for kind in self.kinds if isinstance(kind, Numbers)]

    def _numbers(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Those parts that are real numbers."""
        return [part for kind, part in zip(self.kinds, parts, strict=True) if isinstance(kind, Numbers)]

    def _standardised(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """Those parts that are real numbers, in their units."""
        if self.units is None:
            return ()
        return self.units(torch.cat(self._numbers(parts), dim=-1)).split(self._counts, dim=-1)


def _soft(kind: Values, said: Tensor, by: Tensor) -> Tensor:
    """[] the cross entropy of [N, outputs] logits to the distributions of others."""
    pairs = zip(said.split(kind.limits, dim=-1), by.split(kind.limits, dim=-1), strict=True)
    return torch.stack([F.cross_entropy(own, other.softmax(dim=-1)) for own, other in pairs]).mean()


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


class _ToldApart:
    """Cross entropies of the event that follows, among all of a batch, and how often it is the likeliest."""

    def __init__(self) -> None:
        self._rights: list[Tensor] = []

    def loss(self, said: Tensor, happened: Tensor, seen: Seen, encoder: nn.Module) -> Tensor:
        """[] of a target: [T, B, E] outputs, and where there is an event [T, B]."""
        steps, lanes = happened.shape
        following = next_events(happened, seen.done)
        rows = following.flatten() < steps
        around = torch.cat([seen.inputs, seen.action], dim=-1).flatten(0, 1)
        vectors = encoder(around[happened.flatten()])
        if not rows.any():
            self._rights.append(said.new_full((), torch.nan))
            return 0.0 * (said.sum() + vectors.sum())  # gradients of 0, as optimizers tell those from none
        place = (following * lanes + torch.arange(lanes, device=said.device)).flatten()[rows]
        which = happened.flatten().cumsum(dim=0)[place] - 1
        logits = said.flatten(0, 1)[rows] @ vectors.T
        self._rights.append((logits.detach().argmax(dim=-1) == which).to(said).mean())
        return F.cross_entropy(logits, which)

    def metrics(self) -> dict[str, Tensor]:
        return {"memory_event_accuracy": torch.stack(self._rights).mean()} if self._rights else {}
