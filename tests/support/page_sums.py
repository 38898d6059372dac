"""What the programs of a report's page compute of its data, in Python: the oracle of the page's own sums."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.report.packing import QUANTA
from agents.report.tracing import Floats


def unpack(packed: dict[str, Any]) -> NDArray[np.float64]:
    """Return what was packed, to within half a quantum."""
    kind = packed["kind"]
    integers = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(kind).newbyteorder("<"))
    values = integers.reshape(packed["shape"]) * QUANTA[kind]
    return values[packed["rows"]] if "rows" in packed else values


def attention_on(attention: Floats, steps: NDArray[np.bool_]) -> Floats:
    """Return how much of the attention falls on some steps of the episode, from each of its steps.

    Args:
        attention: [T, L, H, M + 1] as in `Trace`.
        steps: bool [T], the steps looked for.

    Returns:
        [T, L, H], each from 0 to 1.
    """
    share: Floats = _by_step(attention) @ steps.astype(np.float32)
    return share


def reach(attention: Floats, steps: NDArray[np.bool_]) -> Floats:
    """Return how much of what each step ends up with can come from some steps, layer by layer.

    What a layer finds at an earlier step is what the layer below found when that step was the current one, so
    attention reaches further than it looks: through the head of each layer that leads there best, or past a
    layer by the stream around it.

    Args:
        attention: [T, L, H, M + 1] as in `Trace`.
        steps: bool [T], the steps looked for.

    Returns:
        [T], each from 0 to 1.
    """
    found = steps.astype(np.float32)
    for layer in np.moveaxis(_by_step(attention), 1, 0):  # [T, H, T]
        found = np.maximum(found, (layer @ found).max(axis=-1))
    return found


def _by_step(attention: Floats) -> Floats:
    """[T, L, H, M + 1] by distance -> [T, L, H, T] by the step looked at."""
    length, span = len(attention), attention.shape[-1]
    back = np.arange(length)[:, None] - np.arange(length)  # [T, T]
    inside = (back >= 0) & (back < span)
    rows = np.arange(length)[:, None]
    by_step: Floats = np.moveaxis(attention[rows, :, :, np.where(inside, back, 0)], 1, -1)  # [T, L, H, T]
    return by_step * inside[:, None, None, :]
