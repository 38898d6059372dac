"""The maze in the shape of an I: its cells, the way through it, what lies in it, what a window shows of it.

        #########
        #......c#      row 1: the upper bar, with the cue (c) at its right end
        ####.####
        ####.####
        ####.####      the stem, column size // 2
        ####.####
        #.g.#.h.#      row size - 3: niches over the lower bar, with the goals of cues C (g) and D (h)
        #L.....R#      row size - 2: the lower bar, with the goals of cues A (L) and B (R)
        #########

Cues and goals are numbered from 0.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import rule
from memory_envs.rules.grid import NUM_HEADINGS, in_window, moved_freely, view_cell, window_cell

WALL, FLOOR, CUE_A, CUE_B, GOAL_LEFT, GOAL_RIGHT = range(6)
"""Tile codes with two cues; those of more follow, two cues and then their goals."""

MOST_CUES = 8
NUM_TILES = 2 + 2 * MOST_CUES
NO_GOAL = -1
"""Stands where the number of a goal could."""


class Maze(Protocol):
    """What the rules of a maze need to know of a Config."""

    @property
    def size(self) -> int:
        """Cells along each side, border walls included."""

    @property
    def start(self) -> int:
        """0 for the left end of the upper bar, 1 for the middle of the stem."""

    @property
    def view_size(self) -> int:
        """Cells along each side of the window."""

    @property
    def num_cues(self) -> int:
        """Cues that may lie in the maze, and goals."""


@rule
def start_cell(maze: Maze) -> tuple[int, int]:
    """Return the cell every episode starts in."""
    if maze.start == 0:
        return 1, 1
    return maze.size // 2, maze.size // 2


@rule
def cue_cell(maze: Maze) -> tuple[int, int]:
    """Return the cell of the cue: the right end of the upper bar."""
    return 1, maze.size - 2


@rule
def goal_cell(maze: Maze, goal: int) -> tuple[int, int]:
    """Return the cell of a goal: an end of the lower bar for the first two, a niche for the others."""
    side = goal & 1
    from_end = 1 if goal < 2 else goal - side
    row = maze.size - 2 if goal < 2 else maze.size - 3
    return row, from_end if side == 0 else maze.size - 1 - from_end


@rule
def goal_at(maze: Maze, row: int, column: int) -> int:
    """Return the number of the goal on a cell, or NO_GOAL: the inverse of `goal_cell`."""
    last = maze.size - 2
    if row == last:
        return 0 if column == 1 else 1 if column == last else NO_GOAL
    if row != last - 1 or not is_niche(maze, column):
        return NO_GOAL
    side = 0 if column < maze.size // 2 else 1
    return (column if side == 0 else maze.size - 1 - column) + side


@rule
def is_niche(maze: Maze, column: int) -> bool:
    """Return whether there is a niche over the lower bar in this column."""
    from_end = min(column, maze.size - 1 - column)
    return 0 < from_end < maze.num_cues and from_end & 1 == 0


@rule
def in_corridor(maze: Maze, row: int, column: int) -> bool:
    """Return whether a cell belongs to the bars or the stem."""
    last = maze.size - 2
    if row == 1 or row == last:
        return 1 <= column <= last
    return 1 < row < last and column == maze.size // 2


@rule
def is_open(maze: Maze, row: int, column: int) -> bool:
    """Return whether a cell, inside the maze or not, can be walked on."""
    return in_corridor(maze, row, column) or (row == maze.size - 3 and is_niche(maze, column))


@rule
def num_tiles(maze: Maze) -> int:
    """Return how many of the tile codes can be met with so many cues: they are the first ones."""
    return 2 + 2 * maze.num_cues


@rule
def tile(maze: Maze, cue: int, row: int, column: int) -> int:
    """Return the tile code of a cell; everything outside the maze is wall."""
    if not is_open(maze, row, column):
        return WALL
    if row == 1 and column == maze.size - 2:
        return cue_tile(cue)
    goal = goal_at(maze, row, column)
    return FLOOR if goal == NO_GOAL else goal_tile(goal)


@rule
def cue_tile(cue: int) -> int:
    """Return the tile code of a cue; codes go by two cues, then their two goals."""
    return CUE_A + 2 * cue - (cue & 1)


@rule
def goal_tile(goal: int) -> int:
    """Return the tile code of a goal."""
    return GOAL_LEFT + 2 * goal - (goal & 1)


@rule
def moved(maze: Maze, row: int, column: int, heading: int, action: int) -> tuple[int, int, int]:
    """Return where the agent is and looks after `action`; walking into a wall changes nothing."""
    to_row, to_column, to_heading = moved_freely(row, column, heading, action)
    if is_open(maze, to_row, to_column):
        return to_row, to_column, to_heading
    return row, column, heading


@rule
def cue_in_view(maze: Maze, row: int, column: int, heading: int) -> bool:
    """Return whether an agent standing there would see the cue."""
    cue_row, cue_column = cue_cell(maze)
    return in_window(row, column, heading, maze.view_size, cue_row, cue_column)


def leaks(maze: Maze) -> list[tuple[int, int, int]]:
    """Return each (row, column, heading) at which the cue is visible although it has to be remembered.

    That is at the start, in the stem from its middle downwards, in the lower bar and its niches. A playable
    maze has none, so that whoever chooses a goal has walked half of the stem at least without the cue. A
    glimpse of it from the stem's upper half is allowed.
    """
    last, middle = maze.size - 2, maze.size // 2
    cells = {start_cell(maze)}
    cells |= {(row, middle) for row in range(middle, last)}
    cells |= {(last, column) for column in range(1, last + 1)}
    cells |= {goal_cell(maze, goal) for goal in range(maze.num_cues)}
    return [
        (row, column, heading)
        for row, column in sorted(cells)
        for heading in range(NUM_HEADINGS)
        if cue_in_view(maze, row, column, heading)
    ]


@rule
def show_maze(maze: Maze, cue: int, row: int, column: int, heading: int, view: NDArray[np.uint8]) -> None:
    """Write what an agent standing there sees into a window, uint8 [view_size, view_size].

    Corridors first, then what lies in the maze: to ask of each cell what lies there takes longer.
    """
    view_size = maze.view_size
    for view_row in range(view_size):
        for view_column in range(view_size):
            shown_row, shown_column = window_cell(row, column, heading, view_size, view_row, view_column)
            view[view_row, view_column] = FLOOR if in_corridor(maze, shown_row, shown_column) else WALL
    cue_row, cue_column = cue_cell(maze)
    show_thing(cue_tile(cue), cue_row, cue_column, row, column, heading, view)
    if maze.size - 3 - row < view_size:  # else all goals are too far away
        for goal in range(maze.num_cues):
            goal_row, goal_column = goal_cell(maze, goal)
            show_thing(goal_tile(goal), goal_row, goal_column, row, column, heading, view)


@rule
def show_thing(
    code: int, at_row: int, at_column: int, row: int, column: int, heading: int, view: NDArray[np.uint8]
) -> None:
    """Write the tile code of what lies on a cell into a window, if it shows that cell."""
    view_size = len(view)
    view_row, view_column = view_cell(row, column, heading, view_size, at_row, at_column)
    if 0 <= view_row < view_size and 0 <= view_column < view_size:
        view[view_row, view_column] = code
