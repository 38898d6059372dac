"""Seeds of lanes that begin anew, after a model was loaded or a worker died."""

from __future__ import annotations

from collections.abc import Callable

FEW_BITS = 2**15
"""Seeds below are taken by every simulator, also by one that keeps them in 16 bits with a sign."""


def lane_seed(draw: Callable[[int], int], lanes: int, taken: range = range(0)) -> int:
    """Return the seed of the first of some lanes, the others having those that follow.

    A simulator may refuse large seeds, and would do so hours after it took those of the beginning. So these
    are drawn below FEW_BITS, or as many bits as those of the beginning needed.

    Args:
        draw: Returns a number from 0 and below the one it is given.
        lanes: How many begin.
        taken: Seeds of the beginning. None of them comes again, as its episodes would.
    """
    limit = max(FEW_BITS, 1 << (taken.stop - 1).bit_length() if taken else 0)
    while not (places := _below(lanes, taken) + _above(lanes, taken, limit)):
        limit *= 2
    place, below = draw(places), _below(lanes, taken)
    return place if place < below else taken.stop + place - below


def _below(lanes: int, taken: range) -> int:
    """How many seeds of a first lane there are from which all lanes stay below those that were taken."""
    return max(0, taken.start - lanes + 1) if taken else 0


def _above(lanes: int, taken: range, limit: int) -> int:
    """How many there are above those that were taken, where the lanes stay below a limit."""
    return max(0, limit - lanes - taken.stop + 1)
