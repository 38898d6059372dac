"""A square room without inner walls: its cells, the way through it, and what a window shows of it.

Free cells are numbered row by row from 0.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import rule
from memory_envs.rules.grid import TURN_LEFT, TURN_RIGHT, direction, moved_freely, turned

WALL, FLOOR = range(2)
"""Tile codes of the room itself; those of what lies in it follow."""


class Room(Protocol):
    """What the rules of a room need to know of a Config."""

    @property
    def size(self) -> int:
        """Cells along each side, walls included."""


@rule
def cell_place(room: Room, cell: int) -> tuple[int, int]:
    """Return the (row, column) of a free cell by its number."""
    side = room.size - 2
    return 1 + cell // side, 1 + cell % side


@rule
def cell_number(room: Room, row: int, column: int) -> int:
    """Return the number of a free cell: the inverse of `cell_place`."""
    return (row - 1) * (room.size - 2) + column - 1


@rule
def is_open(room: Room, row: int, column: int) -> bool:
    """Return whether a cell, inside the room or not, can be walked on."""
    return 0 < row < room.size - 1 and 0 < column < room.size - 1


@rule
def moved(room: Room, row: int, column: int, heading: int, action: int) -> tuple[int, int, int]:
    """Return (row, column, heading) after `action`; walking into a wall changes nothing."""
    to_row, to_column, to_heading = moved_freely(row, column, heading, action)
    if is_open(room, to_row, to_column):
        return to_row, to_column, to_heading
    return row, column, heading


@rule
def clearance(room: Room, row: int, column: int, heading: int) -> int:
    """Return how many cells can be walked straight ahead before the wall."""
    d_row, d_column = direction(heading)
    twice_outwards = (2 * row - room.size + 1) * d_row + (2 * column - room.size + 1) * d_column
    return (room.size - 3 - twice_outwards) // 2


@rule
def show_room(room: Room, row: int, column: int, heading: int, view: NDArray[np.uint8]) -> None:
    """Write wall and floor into a window, uint8 [view_size, view_size].

    What is visible of the floor is a rectangle, whichever way the agent looks.
    """
    view_size = len(view)
    front = clearance(room, row, column, heading)
    first = view_size // 2 - clearance(room, row, column, turned(heading, TURN_LEFT))
    last = view_size // 2 + clearance(room, row, column, turned(heading, TURN_RIGHT))
    for view_row in range(view_size):
        ahead = view_size - 1 - view_row
        for view_column in range(view_size):
            is_floor = ahead <= front and first <= view_column <= last
            view[view_row, view_column] = FLOOR if is_floor else WALL
