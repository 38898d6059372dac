"""Cells, headings, moves and the egocentric window, shared by the tasks that happen on a grid.

Rows grow downwards and columns to the right. Headings and actions are numbered as in MiniGrid.
"""

from memory_envs.rules import rule

EAST, SOUTH, WEST, NORTH = 0, 1, 2, 3
TURN_LEFT, TURN_RIGHT, FORWARD = 0, 1, 2
NUM_HEADINGS = 4
NUM_ACTIONS = 3


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
def in_window(
    row: int, column: int, heading: int, view_size: int, target_row: int, target_column: int
) -> bool:
    """Return whether a cell lies in the window, the inverse of `window_cell`. Walls do not hide it."""
    d_row, d_column = direction(heading)
    south, east = target_row - row, target_column - column
    ahead = south * d_row + east * d_column
    right = south * d_column - east * d_row
    reach = view_size // 2
    return 0 <= ahead < view_size and -reach <= right <= reach
