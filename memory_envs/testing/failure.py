"""What a failed check says, and how two results are compared."""

from typing import Any, NamedTuple

import numpy as np

_LONGEST = 200


class ConformanceError(AssertionError):
    """An environment breaks a promise.

    Attributes:
        check: Name of the check, as in `check_<name>`.
        step: Call at which it showed, 0 being the first reset; None where there are no steps.
        lane: Lane of a vector environment; None where there is none.
        expected: What was promised.
        got: What came instead.
    """

    def __init__(
        self,
        check: str,
        message: str,
        *,
        step: int | None = None,
        lane: int | None = None,
        expected: Any = None,
        got: Any = None,
    ) -> None:
        """Keep the parts and put them into one line of text."""
        places = [f"{name} {place}" for name, place in (("step", step), ("lane", lane)) if place is not None]
        where = f" at {', '.join(places)}" if places else ""
        values = f"; expected {_short(expected)}, got {_short(got)}" if expected is not got else ""
        super().__init__(f"{check}{where}: {message}{values}")
        self.check, self.step, self.lane = check, step, lane
        self.expected, self.got = expected, got


class Difference(NamedTuple):
    """The first place in which two results differ.

    Attributes:
        place: Where, as one would index: "info['facts'][2]".
        element: Indices of the first element that differs in an array; empty where none is involved.
        expected: What stands there in the one.
        got: What stands there in the other.
    """

    place: str
    element: tuple[int, ...]
    expected: Any
    got: Any


def difference(got: Any, expected: Any, place: str = "") -> Difference | None:
    """Return where two nested results first differ in type, dtype, shape or value, or None.

    Stricter than `==`: a Python bool is not a numpy bool. NaN equals NaN.
    """
    if type(got) is not type(expected):
        return Difference(f"type of {place}", (), type(expected).__name__, type(got).__name__)
    if isinstance(expected, dict):
        return _dict_difference(got, expected, place)
    if isinstance(expected, (tuple, list)):
        return _sequence_difference(got, expected, place)
    if isinstance(expected, np.ndarray):
        return _array_difference(got, expected, place)
    return None if _same(got, expected) else Difference(place, (), expected, got)


def demand_same(check: str, message: str, got: Any, expected: Any, *, step: int, lanes: bool = False) -> None:
    """Raise for the first difference between two results.

    Args:
        check: Name of the check.
        message: What the comparison shows, for the error.
        got: A result.
        expected: What it should be.
        step: Call the results came from.
        lanes: Whether the first index of an array is a lane.

    Raises:
        ConformanceError: They differ.
    """
    found = difference(got, expected)
    if found is None:
        return
    lane = found.element[0] if lanes and found.element else None
    raise ConformanceError(
        check,
        f"{message}: {found.place} differs",
        step=step,
        lane=lane,
        expected=found.expected,
        got=found.got,
    )


def _dict_difference(got: dict[Any, Any], expected: dict[Any, Any], place: str) -> Difference | None:
    if got.keys() != expected.keys():
        return Difference(
            f"keys of {place or 'the result'}", (), sorted(map(str, expected)), sorted(map(str, got))
        )
    parts = (
        difference(got[key], expected[key], f"{place}[{key!r}]" if place else str(key)) for key in expected
    )
    return next((part for part in parts if part is not None), None)


def _sequence_difference(got: Any, expected: Any, place: str) -> Difference | None:
    if len(got) != len(expected):
        return Difference(f"length of {place}", (), len(expected), len(got))
    pairs = enumerate(zip(got, expected, strict=True))
    parts = (difference(one, other, f"{place}[{position}]") for position, (one, other) in pairs)
    return next((part for part in parts if part is not None), None)


def _array_difference(got: Any, expected: Any, place: str) -> Difference | None:
    if (got.dtype, got.shape) != (expected.dtype, expected.shape):
        kinds = (f"{each.dtype} {each.shape}" for each in (expected, got))
        return Difference(f"dtype or shape of {place}", (), *kinds)
    if expected.dtype == object:
        return _object_difference(got, expected, place)
    differs = got != expected
    if not np.any(differs):
        return None
    if expected.dtype.kind in "fc":
        differs &= ~(np.isnan(got) & np.isnan(expected))
        if not np.any(differs):
            return None
    index = tuple(int(axis) for axis in np.argwhere(differs)[0])
    return Difference(f"{place}[{', '.join(map(str, index))}]", index, expected[index], got[index])


def _object_difference(got: Any, expected: Any, place: str) -> Difference | None:
    for index in np.ndindex(expected.shape):
        part = difference(got[index], expected[index], f"{place}[{', '.join(map(str, index))}]")
        if part is not None:
            return part._replace(element=index + part.element)
    return None


def _same(got: Any, expected: Any) -> bool:
    return bool(got == expected) or bool(got != got and expected != expected)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
