"""Cells, headings, moves and the egocentric window, shared by the tasks that happen on a grid.

Rows grow downwards and columns to the right. Headings and actions are numbered as in MiniGrid.
"""

from typing import Any

from memory_envs.rules import rule

EAST, SOUTH, WEST, NORTH = 0, 1, 2, 3
TURN_LEFT, TURN_RIGHT, FORWARD = 0, 1, 2
NUM_HEADINGS = 4
NUM_ACTIONS = 3

OBSERVABILITIES = ("partial", "full", "perfect_memory")
PARTIAL, FULL, PERFECT_MEMORY = range(3)
"""What the agent's own cell in the window shows: what lies there, what has to be remembered from the first
step on, or what has to be remembered as far as the history tells it."""


def twins(config: Any) -> dict[str, Any]:
    """Return the configurations of the twins of a partly observable task, by their observability."""
    if getattr(config, "observability", None) != PARTIAL:
        return {}
    return {
        name: config._replace(observability=number)
        for number, name in enumerate(OBSERVABILITIES)
        if number != PARTIAL
    }


@rule
def direction(heading: int) -> tuple[int, int]:
    """Return the (row, column) step of one cell straight ahead."""
    if heading == EAST:
        return 0, 1
    if heading == SOUTH:
        return 1, 0
    if heading == WEST:
        return 0, -1
    return -1, 0


@rule
def turned(heading: int, action: int) -> int:
    """Return the heading after `action`: a quarter turn for the two turns, unchanged for any other action."""
    if action == TURN_LEFT:
        return (heading + 3) % NUM_HEADINGS
    if action == TURN_RIGHT:
        return (heading + 1) % NUM_HEADINGS
    return heading


@rule
def as_seen(heading: int, south: int, east: int) -> tuple[int, int]:
    """Return how far ahead and to the right of one with this heading a place lies that is so far away."""
    if heading == EAST:
        return east, south
    if heading == SOUTH:
        return south, -east
    if heading == WEST:
        return -east, -south
    return -south, east


@rule
def moved_freely(row: int, column: int, heading: int, action: int) -> tuple[int, int, int]:
    """Return (row, column, heading) after `action` where no wall is in the way."""
    if action != FORWARD:
        return row, column, turned(heading, action)
    d_row, d_column = direction(heading)
    return row + d_row, column + d_column, heading


@rule
def window_cell(
    row: int, column: int, heading: int, view_size: int, view_row: int, view_column: int
) -> tuple[int, int]:
    """Return the world cell shown at [view_row, view_column] of the window of an agent at (row, column).

    The window is `view_size` cells square and turned with the agent, which stands in the middle of its last
    row and looks up: row 0 is farthest ahead, column 0 farthest to the left.
    """
    ahead = view_size - 1 - view_row
    right = view_column - view_size // 2
    d_row, d_column = direction(heading)
    return row + ahead * d_row + right * d_column, column + ahead * d_column - right * d_row


@rule
def view_cell(
    row: int, column: int, heading: int, view_size: int, target_row: int, target_column: int
) -> tuple[int, int]:
    """Return the [view_row, view_column] at which a window shows a cell: the inverse of `window_cell`.

    For a cell that is not shown, at least one of the two is outside [0, view_size).
    """
    d_row, d_column = direction(heading)
    south, east = target_row - row, target_column - column
    ahead = south * d_row + east * d_column
    right = south * d_column - east * d_row
    return view_size - 1 - ahead, right + view_size // 2


@rule
def in_window(
    row: int, column: int, heading: int, view_size: int, target_row: int, target_column: int
) -> bool:
    """Return whether a cell lies in the window. Walls do not hide it."""
    view_row, view_column = view_cell(row, column, heading, view_size, target_row, target_column)
    return 0 <= view_row < view_size and 0 <= view_column < view_size
