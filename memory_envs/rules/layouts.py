"""Layouts: which object lies on which cell of a square room, and the split into training and test layouts.

A layout is one integer, `cells`: digit i to the base 256, from the lowest on, is the number of the free cell
of object i. `side` is the number of free cells along each side of the room, `count` that of objects. Objects
are at least `spacing` steps from one another, turns aside; none lies on the cell `free`, if there is one.
"""

from memory_envs.rules import routine, rule
from memory_envs.rules.randomness import draw, episode_key

SPLITS = ("all", "train", "test")
ALL, TRAIN, TEST = range(3)
NO_CELL = -1
"""Stands where no cell has to be kept free."""

ROOM_FOR_ONE = (1, 1, 4, 8)
"""Cells per object that a room must have, by spacing: fewer make layouts rare among those that are drawn."""

TEST_ONE_IN = 5
"""One in so many layouts belongs to the test split."""


@rule
def object_cell(cells: int, item: int) -> int:
    """Return the number of an object's cell."""
    return (cells >> (8 * item)) & 255


@routine
def draw_layout(key: int, side: int, count: int, split: int, spacing: int, free: int) -> tuple[int, int]:
    """Draw a layout, again and again until it is one of these; returns it and the next unused counter."""
    cells, counter = draw_cells(key, 0, side, count)
    while not (is_spaced(cells, side, count, spacing, free) and in_split(cells, side, count, split)):
        cells, counter = draw_cells(key, counter, side, count)
    return cells, counter


@routine
def is_spaced(cells: int, side: int, count: int, spacing: int, free: int) -> bool:
    """Return whether distinct cells are far enough from one another, and none is to be kept free."""
    for item in range(count):
        cell = object_cell(cells, item)
        if cell == free:
            return False
        for other in range(item):
            if distance(cell, object_cell(cells, other), side) < spacing:
                return False
    return True


@routine
def distance(cell: int, other: int, side: int) -> int:
    """Return how many steps apart two cells are, turns aside."""
    return abs(cell // side - other // side) + abs(cell % side - other % side)


@routine
def draw_cells(key: int, counter: int, side: int, count: int) -> tuple[int, int]:
    """Draw distinct cells for the objects; returns them and the next unused counter."""
    cells = 0
    for item in range(count):
        cell, counter = draw_other_cell(key, counter, side, cells, item)
        cells |= cell << (8 * item)
    return cells, counter


@routine
def draw_other_cell(key: int, counter: int, side: int, cells: int, count: int) -> tuple[int, int]:
    """Draw a cell that is none of the first `count` of `cells`; returns it and the next unused counter."""
    cell = draw(key, counter, side * side)
    while is_taken(cells, count, cell):
        counter += 1
        cell = draw(key, counter, side * side)
    return cell, counter + 1


@routine
def is_taken(cells: int, count: int, cell: int) -> bool:
    """Return whether a cell is one of the first `count` of `cells`."""
    for item in range(count):
        if object_cell(cells, item) == cell:
            return True
    return False


@routine
def in_split(cells: int, side: int, count: int, split: int) -> bool:
    """Return whether a layout belongs to a split."""
    return split == ALL or (split == TEST) == is_test_layout(cells, side, count)


@routine
def is_test_layout(cells: int, side: int, count: int) -> bool:
    """Return whether a layout belongs to the test split, which depends on nothing but the layout.

    Turned by a quarter, a layout looks the same to an agent that turns with it, so all four turns belong to
    one split: the smallest of their integers is hashed. The hash is that of streams, which are below 2**53 as
    layouts are.
    """
    smallest = cells
    for _ in range(3):
        cells = turned_layout(cells, side, count)
        smallest = min(smallest, cells)
    return draw(episode_key(smallest, 0), 0, TEST_ONE_IN) == 0


@routine
def turned_layout(cells: int, side: int, count: int) -> int:
    """Return the layout after the room was turned by a quarter, clockwise."""
    result = 0
    for item in range(count):
        row, column = object_cell(cells, item) // side, object_cell(cells, item) % side
        result |= (column * side + side - 1 - row) << (8 * item)
    return result


def check_layout(cells: int, side: int, count: int, split: int, spacing: int, free: int) -> None:
    """Refuse an integer that is no layout of a split.

    Raises:
        ValueError: Naming the cells.
    """
    places = [object_cell(cells, item) for item in range(count)]
    if len(set(places)) < count or max(places) >= side * side:
        raise ValueError(f"state field cells must name distinct cells below {side * side}, got {places}")
    if not is_spaced(cells, side, count, spacing, free):
        apart = f"at least {spacing} apart" + (f", none of them {free}" if free != NO_CELL else "")
        raise ValueError(f"state field cells must name cells {apart}, got {places}")
    if not in_split(cells, side, count, split):
        raise ValueError(f"state field cells must be a layout of split {SPLITS[split]!r}, got {places}")
