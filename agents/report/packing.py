"""Arrays as text for a page, small and exact to a stated quantum."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

# How integers stand for numbers: value = integer * quantum.
QUANTA = {"uint8": 1.0, "int8": 1 / 127, "uint16": 1 / 65535}


def pack(values: ArrayLike, kind: str) -> dict[str, Any]:
    """Return an array as base64 of little-endian integers, with its shape.

    Args:
        values: "uint8": integers of 0 to 255; "int8": numbers in [-1, 1]; "uint16": numbers in [0, 1].
        kind: One of QUANTA.

    Raises:
        ValueError: A value is not in the range of the kind.
    """
    array = np.asarray(values)
    integers = np.rint(array / QUANTA[kind])
    limits = np.iinfo(kind)
    if array.size and not (limits.min <= integers.min() and integers.max() <= limits.max):
        raise ValueError(f"values from {array.min()} to {array.max()} do not fit into {kind}")
    data = integers.astype(np.dtype(kind).newbyteorder("<")).tobytes()
    return {
        "kind": kind,
        "shape": list(array.shape),
        "quantum": QUANTA[kind],
        "data": base64.b64encode(data).decode(),
    }


def pack_distinct(values: NDArray[np.uint8]) -> dict[str, Any]:
    """Return [N, ...] integers of 0 to 255 as the few that differ, [M, ...], and which of them each is."""
    distinct, rows = np.unique(values, axis=0, return_inverse=True)
    return pack(distinct, "uint8") | {"rows": rows.reshape(-1).tolist()}


def rounded(value: float) -> float:
    """Return a number with as many digits as a page can show."""
    return round(float(value), 4)
