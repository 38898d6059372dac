"""Losses are finite, or training ends with what is known of the one that is not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agents.learning.unroll import Unroll

# Diagnostics that are losses; others may well be undefined.
_LOSSES = ("loss/", "distillation/kl", "distillation/value_gap")


class LossNotFinite(FloatingPointError):
    """A loss is NaN or infinite.

    Attributes:
        losses: Those that are, by name.
        unroll: What was to be learnt or distilled from, if it is still there.
    """

    def __init__(self, losses: Mapping[str, float], unroll: Unroll | None) -> None:
        super().__init__(", ".join(f"{name} is {value}" for name, value in losses.items()))
        self.losses, self.unroll = dict(losses), unroll


def check_finite(metrics: Mapping[str, Any], unroll: Unroll | None) -> None:
    """Check the losses among diagnostics.

    Raises:
        LossNotFinite: One of them is NaN or infinite.
    """
    losses = {name: float(value) for name, value in metrics.items() if name.startswith(_LOSSES)}
    broken = {name: value for name, value in losses.items() if not math.isfinite(value)}
    if broken:
        raise LossNotFinite(broken, unroll)
