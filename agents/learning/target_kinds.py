"""What kinds of things a memory is taught to predict, and how a policy's arguments and files write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

TargetSize: TypeAlias = "int | list[int] | dict[str, int]"
"""A kind as JSON has it: a number of values, a list of such numbers, or {"numbers": how many}."""


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

    count: int

    @property
    def columns(self) -> int:
        """How many labels a step has."""
        return self.count

    @property
    def outputs(self) -> int:
        """How many numbers a head says of a step."""
        return self.count

    @property
    def size(self) -> TargetSize:
        """As `kind_of` takes it."""
        return {"numbers": self.count}


Kind: TypeAlias = "Values | Numbers"


def kind_of(size: Any) -> Kind:
    """Return the kind that an entry of `memory_target_sizes` stands for.

    Raises:
        ValueError: It stands for none.
    """
    if isinstance(size, dict) and list(size) == ["numbers"] and _are_counts(size.values()):
        return Numbers(size["numbers"])
    limits = size if isinstance(size, (list, tuple)) else [size]
    if limits and _are_counts(limits):
        return Values(tuple(limits))
    raise ValueError(
        'memory_target_sizes must hold numbers of values, lists of such numbers, or {"numbers": n}, '
        f"got {size!r:.80}"
    )


def _are_counts(numbers: Any) -> bool:
    return all(type(each) is int and each >= 1 for each in numbers)


def kinds_of(sizes: Sequence[Any]) -> tuple[Kind, ...]:
    """Return the kind of each entry of `memory_target_sizes`."""
    return tuple(kind_of(size) for size in sizes)
