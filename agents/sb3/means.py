"""Means of what is logged, between two rows of the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RunningMeans:
    """Means by name. Tensors stay on their device until the means are taken."""

    def __init__(self) -> None:
        self.totals: dict[str, Any] = {}
        self.counts: dict[str, int] = {}

    def add(self, metrics: Mapping[str, Any]) -> None:
        """Count one value of each metric, a number or a scalar tensor."""
        for name, value in metrics.items():
            self.totals[name] = self.totals.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def take(self) -> dict[str, float]:
        """Return the means and begin new ones."""
        means = {name: float(total) / self.counts[name] for name, total in self.totals.items()}
        self.totals, self.counts = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        """Return totals and counts as plain numbers."""
        return {
            "totals": {name: float(total) for name, total in self.totals.items()},
            "counts": dict(self.counts),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.totals, self.counts = dict(state["totals"]), dict(state["counts"])
