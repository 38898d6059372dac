"""Trees that a checkpoint may hold, and whether two of them are the same to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.sb3 import checkpoint

EVERYTHING: dict[str | int, Any] = {
    "learner": {"optimizer": {0: {"step": torch.tensor(3.0)}, 1: (torch.zeros(2, 3), None)}},
    "0": "not the same key as 0",
    0: [True, 2, -(10**5000), 2**53 + 1, 1.5, -0.0, float("inf"), "ü\ud800"],
    "numbers": (np.float32(0.1), np.arange(6, dtype=">i2").reshape(2, 3), np.datetime64("2020-01-01", "s")),
    "empty": [{}, [], (), "", torch.empty(0, 3), np.zeros((2, 0))],
}


def same(left: Any, right: Any) -> bool:
    """Equal in type, structure, order and every bit (all NaN of Python count as one)."""
    if type(left) is not type(right):
        return False
    if isinstance(left, torch.Tensor):
        header = (left.dtype, left.shape, left.device) == (right.dtype, right.shape, right.device)
        return header and bits(left) == bits(right)
    if isinstance(left, (np.ndarray, np.generic)):
        return (left.dtype, left.shape, left.tobytes()) == (right.dtype, right.shape, right.tobytes())
    if isinstance(left, dict):
        return same(list(left.items()), list(right.items()))
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return repr(left) == repr(right) if isinstance(left, float) else left == right


def bits(tensor: torch.Tensor) -> bytes:
    flat = tensor.resolve_conj().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def round_trip(path: Path, tree: Any) -> Any:
    checkpoint.save(path, tree)
    return checkpoint.load(path)
