"""A hidden order: objects that have to be fetched one after the other, and what of it has been found out.

Objects and positions of the order are numbered from 0.
"""

from typing import Protocol

from memory_envs.rules import rule

NOTHING = -1
"""Stands where the number of an object could."""


class Objects(Protocol):
    """What has to be known of a Config."""

    @property
    def num_objects(self) -> int:
        """How many there are, all of them in the order."""


class Found(Protocol):
    """What has to be known of a State."""

    @property
    def order(self) -> int:
        """The hidden order: digit p to the base 8, from the lowest on, is the object at position p."""

    @property
    def progress(self) -> int:
        """Positions of the order that have been fetched; these objects are absent."""

    @property
    def paid(self) -> int:
        """Positions of the order that were paid since a sequence was last completed."""

    @property
    def completed(self) -> int:
        """Sequences completed."""

    @property
    def ruled_out(self) -> int:
        """Objects tried in vain at the first position still unknown; bit i is object i."""


@rule
def ordered(found: Found, position: int) -> int:
    """Return the object at a position of the hidden order."""
    return (found.order >> (3 * position)) & 7


@rule
def is_fetched(found: Found, item: int) -> bool:
    """Return whether an object is absent because it was fetched."""
    for position in range(found.progress):
        if ordered(found, position) == item:
            return True
    return False


@rule
def is_wrong(found: Found, touched: int) -> bool:
    """Return whether an object is another than the next one of the order."""
    return touched != ordered(found, found.progress)


@rule
def known_positions(objects: Objects, found: Found) -> int:
    """Return how many leading positions of the order have been fetched at least once.

    Before the first sequence is completed, a position is known exactly if it was paid.
    """
    return objects.num_objects if found.completed > 0 else found.paid


@rule
def judged(objects: Objects, found: Found, touched: int) -> tuple[int, int, int, int, int]:
    """Return (progress, paid, completed, ruled_out, rewarded) after walking onto an object or NOTHING."""
    if touched == NOTHING:
        return found.progress, found.paid, found.completed, found.ruled_out, 0
    is_new = found.progress == known_positions(objects, found)
    if is_wrong(found, touched):
        ruled_out = found.ruled_out | (1 << touched) if is_new else found.ruled_out
        return 0, found.paid, found.completed, ruled_out, 0
    progress = found.progress + 1
    rewarded = 1 if progress > found.paid else 0
    if progress == objects.num_objects:
        return 0, 0, found.completed + 1, 0, rewarded
    return progress, max(progress, found.paid), found.completed, 0 if is_new else found.ruled_out, rewarded


@rule
def next_by_memory(objects: Objects, found: Found) -> int:
    """Return the next object of the order, as far as the history tells.

    Where it does not, that is the lowest-numbered object that may still be the one: not at an earlier
    position and not tried in vain.
    """
    if found.progress < known_positions(objects, found):
        return ordered(found, found.progress)
    item = 0
    while is_fetched(found, item) or (found.ruled_out >> item) & 1 == 1:
        item += 1
    return item


@rule
def num_candidates(objects: Objects, found: Found) -> int:
    """Return how many objects may be the next one of the order, as far as the history tells."""
    if found.progress < known_positions(objects, found):
        return 1
    count = 0
    for item in range(objects.num_objects):
        if not is_fetched(found, item) and (found.ruled_out >> item) & 1 == 0:
            count += 1
    return count


def check_found(objects: Objects, found: Found) -> None:
    """Refuse a history that no play can have.

    Raises:
        ValueError: Naming the first field that contradicts another.
    """
    order = [ordered(found, position) for position in range(objects.num_objects)]
    if sorted(order) != list(range(objects.num_objects)):
        raise ValueError(f"state field order must name every object once, got {order}")
    known = known_positions(objects, found)
    if found.progress > known:
        raise ValueError(
            f"state field progress must be at most the {known} known positions, got {found.progress}"
        )
    unknown = sum(1 << item for item in order[known + 1 :])
    if found.ruled_out & ~unknown:
        raise ValueError(
            f"state field ruled_out must hold objects behind position {known}, got {found.ruled_out:#b}"
        )
