"""What kinds of things a memory is taught to predict, and how a policy's arguments and files write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

TargetSize: TypeAlias = "int | list[int] | dict[str, int]"
"""A kind as JSON has it: a number of values, a list of such numbers, {"numbers": n} or {"events": n}."""


class Values(NamedTuple):
    """One or several whole numbers, each from 0 and below a limit."""

    limits: tuple[int, ...]

    @property
    def columns(self) -> int:
        """How many labels a step has."""
        return len(self.limits)

    @property
    def outputs(self) -> int:
        """How many numbers a head says of a step."""
        return sum(self.limits)

    @property
    def size(self) -> TargetSize:
        """As `kind_of` takes it."""
        return self.limits[0] if len(self.limits) == 1 else list(self.limits)


class Numbers(NamedTuple):
    """Real numbers."""

    number: int

    @property
    def columns(self) -> int:
        """How many labels a step has."""
        return self.number

    @property
    def outputs(self) -> int:
        """How many numbers a head says of a step."""
        return self.number

    @property
    def size(self) -> TargetSize:
        """As `kind_of` takes it."""
        return {"numbers": self.number}


class Events(NamedTuple):
    """An event that nobody names, which has to be told from others: by vectors, one for each event.

    A step has one label, 1 if the event happens there.
    """

    width: int
    """Of the vectors."""

    @property
    def columns(self) -> int:
        """How many labels a step has."""
        return 1

    @property
    def outputs(self) -> int:
        """How many numbers a head says of a step."""
        return self.width

    @property
    def size(self) -> TargetSize:
        """As `kind_of` takes it."""
        return {"events": self.width}


Kind: TypeAlias = "Values | Numbers | Events"
_BY_NAME: dict[str, type[Numbers] | type[Events]] = {"numbers": Numbers, "events": Events}


def is_single(kind: Kind) -> bool:
    """Return whether it is one whole number."""
    return isinstance(kind, Values) and kind.columns == 1


def kind_of(size: Any) -> Kind:
    """Return the kind that an entry of `memory_target_sizes` stands for.

    Raises:
        ValueError: It stands for none.
    """
    if isinstance(size, dict) and len(size) == 1 and {*size} <= {*_BY_NAME} and _are_counts(size.values()):
        ((name, number),) = size.items()
        return _BY_NAME[name](number)
    limits = size if isinstance(size, (list, tuple)) else [size]
    if limits and _are_counts(limits):
        return Values(tuple(limits))
    raise ValueError(
        "memory_target_sizes must hold numbers of values, lists of such numbers, "
        '{"numbers": n} or {"events": n}, '
        f"got {size!r:.80}"
    )


def _are_counts(numbers: Any) -> bool:
    return all(type(each) is int and each >= 1 for each in numbers)


def kinds_of(sizes: Sequence[Any]) -> tuple[Kind, ...]:
    """Return the kind of each entry of `memory_target_sizes`."""
    return tuple(kind_of(size) for size in sizes)
