"""Checks with which rulebooks refuse bad settings."""

import sys
from typing import Any

import numpy as np

from memory_envs.registry.lookup import did_you_mean

LARGEST = 2**31 - 1
"""Settings without a limit of their own end here, so that no sum or product of them leaves 64 bits."""


def check_integer(
    name: str, value: object, least: int, most: int = LARGEST, *, odd: bool = False, even: bool = False
) -> int:
    """Return a setting as a Python integer.

    Raises:
        TypeError: The value is not an integer.
        ValueError: It is out of [least, most], or even where it must be odd, or odd where it must be even.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    if not least <= value <= most or (odd and value % 2 == 0) or (even and value % 2 == 1):
        kind = "an odd integer" if odd else "an even integer" if even else "an integer"
        limits = f"at least {least}" if most == LARGEST and value < most else f"from {least} to {most}"
        raise ValueError(f"{name} must be {kind}, {limits}, got {value}")
    return int(value)


def check_flag(name: str, value: object) -> bool:
    """Return a setting as a Python bool.

    Raises:
        TypeError: The value is neither True nor False.
    """
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {value!r}")
    return bool(value)


def check_number(name: str, value: object, least: float) -> float:
    """Return a setting as a Python float.

    Raises:
        TypeError: The value is not a real number.
        ValueError: It is below `least`, or not finite.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, got {value!r}")
    # As a Python number: numpy compares in the precision of its own, where the largest float is infinite.
    number = plain(value)
    if not least <= number <= sys.float_info.max:
        raise ValueError(f"{name} must be finite and at least {least:g}, got {value!r}")
    return float(number)


def plain(value: Any) -> Any:
    """Return a scalar of numpy as the Python value it stands for, and anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> int:
    """Return the position of a setting among its choices.

    Raises:
        ValueError: It is none of them; says which there are, and which is nearest.
    """
    if isinstance(value, str) and value in choices:
        return choices.index(value)
    hint = did_you_mean(value, choices)
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
