"""The rollout that an on-policy algorithm learns from, and what of it is not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from torch import Tensor

# What SB3's buffers keep of every step, beside the memories of recurrent policies.
_PARTS = "observations actions rewards episode_starts values log_probs advantages returns".split()


class Rollout(NamedTuple):
    """What an on-policy algorithm was to learn from, as its buffer holds it.

    Attributes:
        parts: Arrays by name; those of a Dict of observations by "observations/KEY".
    """

    parts: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, buffer: RolloutBuffer, last: Any) -> Rollout:
        """Return the content of a buffer, and the last observation, which it has not got yet."""
        parts = {name: getattr(buffer, name) for name in _PARTS} | {"last_observation": last}
        return cls(_flat({name: each for name, each in parts.items() if each is not None}))

    def to_tree(self) -> dict[str, Any]:
        """Return the arrays by name."""
        return dict(self.parts)

    def not_finite(self) -> dict[str, float]:
        """Return the first value that is NaN or infinite of each part that has one."""
        found = {f"rollout/{name}": _first(part) for name, part in self.parts.items()}
        return {name: value for name, value in found.items() if value is not None}


def not_finite_parameters(parameters: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the first value that is NaN or infinite of each parameter that has one, by name."""
    values = list(parameters.values())
    if not values or bool(torch.stack([each.isfinite().all() for each in values]).all()):
        return {}
    found = {f"policy/{name}": _first(each.detach().cpu().numpy()) for name, each in parameters.items()}
    return {name: value for name, value in found.items() if value is not None}


def _flat(tree: Mapping[str, Any], place: str = "") -> dict[str, np.ndarray]:
    leaves: dict[str, np.ndarray] = {}
    for name, each in tree.items():
        leaves |= _flat(each, f"{place}{name}/") if isinstance(each, Mapping) else {place + name: each}
    return leaves


def _first(values: np.ndarray) -> float | None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return None
    return float(values[~np.isfinite(values)][0])
