"""Losses and states are finite, or training ends with what is known of the one that is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

from agents.learning.unroll import Unroll


class Experience(Protocol):
    """What an agent learns from: an unroll, or a rollout of another kind."""

    def to_tree(self) -> dict[str, Any]:
        """Return it by name, as tensors or arrays."""


# Diagnostics that are losses; others may well be undefined.
_LOSSES = ("loss/", "distillation/kl", "distillation/value_gap", "distillation/cross_entropy")


class LossNotFinite(FloatingPointError):
    """A loss, or what it was to be computed of, is NaN or infinite.

    Attributes:
        losses: Those that are, by name.
        unroll: What was to be learnt or distilled from, if it is still there.
    """

    def __init__(self, losses: Mapping[str, float], unroll: Experience | None) -> None:
        super().__init__(", ".join(f"{name} is {value}" for name, value in losses.items()))
        self.losses, self.unroll = dict(losses), unroll


class StateNotFinite(FloatingPointError):
    """What a model would save is NaN or infinite, so that it could not be loaded.

    Attributes:
        state: All of it, as it would have been saved.
    """

    def __init__(self, message: str, state: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.state = state


def check_finite(metrics: Mapping[str, Any], unroll: Unroll | None) -> None:
    """Check the losses among diagnostics.

    Raises:
        LossNotFinite: One of them is NaN or infinite.
    """
    losses = {name: float(value) for name, value in metrics.items() if name.startswith(_LOSSES)}
    broken = {name: value for name, value in losses.items() if not math.isfinite(value)}
    if broken:
        raise LossNotFinite(broken, unroll)
