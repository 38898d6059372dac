"""Checks with which rulebooks refuse bad settings."""

import difflib
from typing import Any

import numpy as np


def check_integer(name: str, value: object, least: int, most: int | None = None, *, odd: bool = False) -> int:
    """Return a setting as a Python integer.

    Raises:
        TypeError: The value is not an integer.
        ValueError: It is out of [least, most], or even where it must be odd.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if value < least or (most is not None and value > most) or (odd and value % 2 == 0):
        kind = "an odd integer" if odd else "an integer"
        limits = f"at least {least}" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} must be {kind}, {limits}, got {value}")
    return int(value)


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> int:
    """Return the position of a setting among its choices.

    Raises:
        ValueError: It is none of them; says which there are, and which is nearest.
    """
    if isinstance(value, str) and value in choices:
        return choices.index(value)
    near = difflib.get_close_matches(value, choices, n=1) if isinstance(value, str) else []
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}{hint}")


def check_fields(state: Any, least: Any, most: Any) -> None:
    """Refuse a State of which a field is out of range.

    Args:
        state: A NamedTuple.
        least: The smallest value of each of its fields, in their order.
        most: The largest.

    Raises:
        ValueError: Naming the first such field.
    """
    for name, value, low, high in zip(state._fields, state, least, most, strict=True):
        if not low <= value <= high:
            raise ValueError(f"state field {name} must be in [{low}, {high}], got {value}")
