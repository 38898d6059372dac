"""Scenes: what there is to see in a state, in plain arrays, before anything is painted."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import imaze, meta_fetch
from memory_envs.rules.grid import window_cell

Shape = Literal["wall", "floor", "disc", "square", "triangle", "diamond", "star", "cross"]
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

_LOOKS = {imaze: IMAZE_LOOKS, meta_fetch: META_FETCH_LOOKS}


def looks_of(rulebook: ModuleType) -> tuple[Look, ...]:
    """Return the look of each tile code of a rulebook: of this package's, or its own `LOOKS`.

    Raises:
        ValueError: Nobody has said how its tiles look.
    """
    looks: tuple[Look, ...] | None = _LOOKS.get(rulebook) or getattr(rulebook, "LOOKS", None)
    if looks is None:
        raise ValueError(
            f"nobody has said how the tiles of the rulebook {rulebook.__name__} look: give it LOOKS, "
            "one memory_envs.rendering.scene.Look per tile code"
        )
    return looks


def imaze_scene(config: imaze.Config, state: imaze.State) -> Scene:
    """Return the scene of a state of I-Maze."""
    asked = (Icon(imaze.CUE_A + state.cue), Icon(imaze.GOAL_LEFT + state.cue))
    outcome, mood = _imaze_outcome(config, state)
    return _scene(
        imaze,
        config,
        state,
        title="I-Maze",
        tile=lambda row, column: imaze.tile(config, state.cue, row, column),
        notes={},
        facts=(
            Fact("cue, goal", icons=asked),
            Fact("memory", _imaze_memory(state)),
            Fact("outcome", outcome, mood=mood),
        ),
        things=range(imaze.CUE_A, imaze.NUM_TILES),
        aim="find the cue; its shape is the goal to walk to",
    )


def meta_fetch_scene(config: meta_fetch.Config, state: meta_fetch.State) -> Scene:
    """Return the scene of a state of Meta-Fetch."""
    known = meta_fetch.known_positions(config, state)
    rewarded: Mood = "good" if state.rewarded else "neutral"
    icons = tuple(_ordered_icon(state, position) for position in range(config.num_objects))
    return _scene(
        meta_fetch,
        config,
        state,
        title="Meta-Fetch",
        tile=lambda row, column: meta_fetch.tile(config, state, row, column),
        notes={"reward": bool(state.rewarded)},
        facts=(
            Fact("order", icons=icons),
            Fact("memory", f"{known} of {config.num_objects} known"),
            Fact("last reward", "+1" if state.rewarded else "0", mood=rewarded),
            Fact("sequences", str(state.completed), mood="good" if state.completed else "neutral"),
        ),
        things=range(meta_fetch.OBJECT, meta_fetch.OBJECT + config.num_objects),
        aim="fetch all in the hidden order; a miss starts it over",
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


def _scene(
    rulebook: ModuleType,
    config: Any,
    state: Any,
    *,
    title: str,
    tile: Callable[[int, int], int],
    notes: dict[str, bool],
    facts: tuple[Fact, ...],
    things: range,
    aim: str,
) -> Scene:
    cells = range(config.size)
    view = np.zeros((config.view_size, config.view_size), dtype=np.uint8)
    rulebook.observe(config, state, view)
    return Scene(
        title=title,
        tiles=np.array([[tile(row, column) for column in cells] for row in cells], dtype=np.uint8),
        looks=looks_of(rulebook),
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


def _imaze_memory(state: imaze.State) -> str:
    if state.seen_at < 0:
        return "cue not seen yet"
    carried = state.steps - state.seen_at
    if carried == 0:
        return "cue in view"
    return f"carried {carried} step{'s' if carried > 1 else ''}"


def _imaze_outcome(config: imaze.Config, state: imaze.State) -> tuple[str, Mood]:
    if state.outcome > 0:
        return "correct goal", "good"
    if state.outcome < 0:
        return "wrong goal", "bad"
    if state.steps >= config.max_steps:
        return "out of time", "bad"
    return f"held for {state.hold}" if state.hold else "under way", "neutral"


def _ordered_icon(state: meta_fetch.State, position: int) -> Icon:
    mark: Mark = "done" if position < state.progress else "next" if position == state.progress else ""
    return Icon(meta_fetch.OBJECT + meta_fetch.ordered(state, position), mark)
