"""Scenes: what there is to see in a state, in plain arrays, before anything is painted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules.grid import window_cell

Shape = Literal["wall", "floor", "disc", "square", "triangle", "diamond", "star", "cross", "plus", "moon"]
Mood = Literal["neutral", "good", "bad"]
Mark = Literal["", "done", "next"]


@dataclass(frozen=True)
class Look:
    """How a kind of tile looks, in observations, frames and text.

    Attributes:
        name: What it is called.
        symbol: Its single character in text.
        shape: What is drawn.
        colour: Name of its colour in the palette of the sprites; "" for wall and floor, which have their own.
        hollow: Whether only the outline of the shape is drawn.
    """

    name: str
    symbol: str
    shape: Shape
    colour: str = ""
    hollow: bool = False


@dataclass(frozen=True)
class Icon:
    """A tile shown among the facts.

    Attributes:
        tile: Its code.
        mark: "done" when it is dealt with, "next" when it comes now.
    """

    tile: int
    mark: Mark = ""


@dataclass(frozen=True)
class Fact:
    """One thing that the agent is not shown.

    Attributes:
        name: What it is.
        text: Its value in words.
        icons: Its value in tiles, before the words.
        mood: How it bodes.
    """

    name: str
    text: str = ""
    icons: tuple[Icon, ...] = ()
    mood: Mood = "neutral"


@dataclass(frozen=True)
class Scene:
    """A room seen from above, and what its agent sees.

    Attributes:
        title: Name of the task.
        tiles: Tile codes of the whole room, uint8 [height, width].
        looks: The look of each tile code.
        visible: Which cells the agent sees, bool [height, width].
        row: Cell of the agent.
        column: Cell of the agent.
        heading: 0 east, 1 south, 2 west, 3 north.
        view: Tile codes in the agent's window, as it is given to it, uint8 [view_size, view_size].
        notes: What else the agent is told: name to whether it is so.
        steps: Steps taken.
        max_steps: Time limit of the episode.
        facts: What the agent is not told, the outcome last; equally many in every scene of a task.
        things: Tile codes that can be met in episodes of this configuration, beside wall and floor.
        aim: The task in one short line, for people.
    """

    title: str
    tiles: NDArray[np.uint8]
    looks: tuple[Look, ...]
    visible: NDArray[np.bool_]
    row: int
    column: int
    heading: int
    view: NDArray[np.uint8]
    notes: dict[str, bool]
    steps: int
    max_steps: int
    facts: tuple[Fact, ...]
    things: tuple[int, ...]
    aim: str = ""

    @property
    def mood(self) -> Mood:
        """Whether the task was solved, missed, or neither so far."""
        return self.facts[-1].mood


WALL, FLOOR = Look("wall", "#", "wall"), Look("floor", ".", "floor")


def visible_cells(config: Any, state: Any) -> NDArray[np.bool_]:
    """Return which cells of a square room lie in the agent's window, bool [size, size]."""
    visible = np.zeros((config.size, config.size), dtype=np.bool_)
    window = range(config.view_size)
    for view_row in window:
        for view_column in window:
            row, column = window_cell(
                state.row, state.column, state.heading, config.view_size, view_row, view_column
            )
            if 0 <= row < config.size and 0 <= column < config.size:
                visible[row, column] = True
    return visible


def room_scene(
    rules: ModuleType,
    config: Any,
    state: Any,
    *,
    title: str,
    looks: tuple[Look, ...],
    tile: Callable[[int, int], int],
    notes: dict[str, bool],
    facts: tuple[Fact, ...],
    things: Iterable[int],
    aim: str,
) -> Scene:
    """Return the scene of a state of a task in a square room with an agent in it.

    Args:
        rules: The rulebook.
        config: Its Config, with `size`, `view_size` and `max_steps`.
        state: Its State, with `row`, `column`, `heading` and `steps`.
        tile: (row, column) to tile code.
        title: As in `Scene`, like all that follow.
        looks: See `Scene`.
        notes: See `Scene`.
        facts: See `Scene`.
        things: See `Scene`.
        aim: See `Scene`.
    """
    cells = range(config.size)
    view = np.zeros((config.view_size, config.view_size), dtype=np.uint8)
    rules.observe(config, state, view)
    return Scene(
        title=title,
        tiles=np.array([[tile(row, column) for column in cells] for row in cells], dtype=np.uint8),
        looks=looks,
        visible=visible_cells(config, state),
        row=state.row,
        column=state.column,
        heading=state.heading,
        view=view,
        notes=notes,
        steps=state.steps,
        max_steps=config.max_steps,
        facts=facts,
        things=tuple(things),
        aim=aim,
    )
