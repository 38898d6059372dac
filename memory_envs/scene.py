"""Scenes: what there is to see in a state, in plain arrays, before anything is painted."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import imaze
from memory_envs.rules.grid import window_cell

Shape = Literal["wall", "floor", "disc", "square", "triangle", "diamond", "star", "cross"]
Mood = Literal["neutral", "good", "bad"]


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
class Scene:
    """A room seen from above.

    Attributes:
        tiles: Tile codes of the whole room, uint8 [height, width].
        looks: The look of each tile code.
        visible: Which cells the agent sees, bool [height, width].
        row: Cell of the agent.
        column: Cell of the agent.
        heading: 0 east, 1 south, 2 west, 3 north.
        facts: What else to tell, in order: name to text.
        mood: Whether the episode ended well, badly, or neither.
    """

    tiles: NDArray[np.uint8]
    looks: tuple[Look, ...]
    visible: NDArray[np.bool_]
    row: int
    column: int
    heading: int
    facts: dict[str, str] = field(default_factory=dict)
    mood: Mood = "neutral"


WALL, FLOOR = Look("wall", "#", "wall"), Look("floor", ".", "floor")

IMAZE_LOOKS = (
    WALL,
    FLOOR,
    Look("cue A", "A", "disc", "amber"),
    Look("cue B", "B", "diamond", "azure"),
    Look("left goal", "a", "disc", "amber", hollow=True),
    Look("right goal", "b", "diamond", "azure", hollow=True),
)
"""Looks by tile code: each goal is the outline of the cue that asks for it."""

META_FETCH_LOOKS = (
    WALL,
    FLOOR,
    Look("disc", "o", "disc", "red"),
    Look("square", "s", "square", "azure"),
    Look("triangle", "t", "triangle", "green"),
    Look("star", "*", "star", "yellow"),
    Look("cross", "x", "cross", "violet"),
    Look("diamond", "d", "diamond", "teal"),
)
"""Looks by tile code; objects can be told apart by shape alone."""


_LOOKS = {"imaze": IMAZE_LOOKS, "meta_fetch": META_FETCH_LOOKS}


def looks_of(rulebook: ModuleType) -> tuple[Look, ...]:
    """Return the look of each tile code of a rulebook."""
    return _LOOKS[rulebook.__name__.rpartition(".")[2]]


def imaze_scene(config: imaze.Config, state: imaze.State) -> Scene:
    """Return the scene of a state of I-Maze."""
    cells = range(config.size)
    tiles = np.array(
        [[imaze.tile(config, state.cue, row, column) for column in cells] for row in cells], dtype=np.uint8
    )
    visible = visible_cells(config, state)
    outcome, mood = _verdict(config, state)
    return Scene(
        tiles=tiles,
        looks=IMAZE_LOOKS,
        visible=visible,
        row=state.row,
        column=state.column,
        heading=state.heading,
        facts={
            "step": f"{state.steps}/{config.max_steps}",
            "cue": f"{IMAZE_LOOKS[imaze.CUE_A + state.cue].symbol}, {_sight(state, tiles, visible)}",
            "outcome": f"held for {state.hold}" if state.hold else outcome,
        },
        mood=mood,
    )


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


def _sight(state: imaze.State, tiles: NDArray[np.uint8], visible: NDArray[np.bool_]) -> str:
    if (visible & (tiles == imaze.CUE_A + state.cue)).any():
        return "in sight"
    return "not seen yet" if state.sight == imaze.CUE_UNSEEN else "out of sight"


def _verdict(config: imaze.Config, state: imaze.State) -> tuple[str, Mood]:
    if state.outcome > 0:
        return "correct goal", "good"
    if state.outcome < 0:
        return "wrong goal", "bad"
    if state.steps >= config.max_steps:
        return "out of time", "bad"
    return "under way", "neutral"
