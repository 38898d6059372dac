"""The painter: a scene becomes pixels. It knows shapes, colours and places, and no rules.

Frames are laid out with numpy from sprites. pygame only draws the letters, so no display is needed.
"""

import functools
from collections.abc import Sequence

import numpy as np

from memory_envs.rendering import ansi
from memory_envs.rendering.display import letters
from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.scene import FLOOR, WALL, Fact, Look, Mark, Scene
from memory_envs.rendering.sprites import (
    Colour,
    Pixels,
    agent_over,
    framed,
    sprite,
    sprite_table,
    thing_over,
    ticked,
)
from memory_envs.rendering.views import ALL, Style

ROOM, COLUMN, MARGIN = 396, 240, 16
"""Pixels: the side that a room fits into, the width of the column beside it, the space between things."""

LEAST_CELL = 4
"""Pixels of a cell at least."""

_MARKS = 10  # so many marks are as wide as a room whose cells are too small for what lies in them
_BODY, _SMALL = 24, 21
_LINE, _LABEL, _LEGEND = 32, 24, 30
_ICON = 28


def painted(scene: Scene, render_mode: str, style: Style = ALL) -> Pixels | str:
    """Return the scene as `ansi.text` for the render mode "ansi", else as `pixels`."""
    return ansi.text(scene, style) if render_mode == "ansi" else pixels(scene, style)


def pixels(scene: Scene, style: Style = ALL) -> Pixels:
    """Return the scene as an RGB image, uint8 [height, width, 3], of even sides and of one size per task."""
    picture, column = _pictures(scene, style)
    column_height = sum(len(part) for part in column) + MARGIN * max(0, len(column) - 1)
    height = max(len(picture), column_height)
    width = picture.shape[1] + (MARGIN + COLUMN if column else 0)
    frame = page(height + 2 * MARGIN, width + 2 * MARGIN)
    paste(frame, picture, MARGIN + (height - len(picture)) // 2, MARGIN)
    top, spare = MARGIN, height - column_height
    for place, part in enumerate(column):
        top += spare if place == len(column) - 1 and place > 0 else 0
        paste(frame, part, top, 2 * MARGIN + picture.shape[1])
        top += len(part) + MARGIN
    return with_legend(frame, scene, style) if style.panel else frame


def with_legend(frame: Pixels, scene: Scene, style: Style) -> Pixels:
    """Return a frame with the names below it of what can be met, in as many rows as they need."""
    things = tuple(scene.looks[code] for code in scene.things)
    width, has_room = frame.shape[1] - 2 * MARGIN, style.view != "agent"
    legend = _legend(things, width, has_room)
    # As high as for all that the task knows, so that frames of all its configurations are of one size.
    largest = _legend(tuple(look for look in scene.looks if look not in (WALL, FLOOR)), width, has_room)
    below = page(len(largest) + MARGIN, frame.shape[1])
    paste(below, legend, 0, MARGIN)
    return np.concatenate([frame[: len(frame) - MARGIN // 2], below])


def captioned(frame: Pixels, lines: Sequence[str]) -> Pixels:
    """Return a frame with lines of text below it."""
    below = page(len(lines) * _LINE + MARGIN // 2, frame.shape[1])
    for place, line in enumerate(lines):
        _write(below, line, place * _LINE + _LINE // 2, MARGIN, PALETTE["text"], _SMALL)
    return np.concatenate([frame, below])


def _pictures(scene: Scene, style: Style) -> tuple[Pixels, list[Pixels]]:
    """Return what stands at the left of a frame, and what stands in the column at its right."""
    panel = [_panel(scene)] if style.panel else []
    if style.view == "agent":
        return _agent_view(scene, _even_cell(scene.view.shape, ROOM)), panel
    whole = room(scene, _even_cell(scene.tiles.shape, ROOM))
    if style.view == "room":
        return whole, panel
    view = _agent_view(scene, _even_cell(scene.view.shape, 168))
    return whole, [_centred(_labelled("what the agent sees", view)), *panel]


def _even_cell(shape: tuple[int, ...], side: int) -> int:
    """Return the pixels of a cell, even as video encoders want frames to be."""
    return max(LEAST_CELL, side // max(shape) // 2 * 2)


@functools.lru_cache(maxsize=32)
def _tables(looks: tuple[Look, ...], cell: int) -> tuple[Pixels, Pixels]:
    return sprite_table(looks, cell), np.stack([sprite(look, cell, lit=False) for look in looks])


def room(scene: Scene, cell: int) -> Pixels:
    """Return a scene's room from above, with so many pixels along each cell."""
    lit, dimmed = _tables(scene.looks, cell)
    tiles = np.where(scene.visible[:, :, None, None, None], lit[scene.tiles], dimmed[scene.tiles])
    mark = min(scene.tiles.shape) * cell // _MARKS
    if mark > 1.5 * cell:
        return _marked(_assembled(tiles), scene, cell, mark)
    look = scene.looks[scene.tiles[scene.row, scene.column]]
    tiles[scene.row, scene.column] = _with_agent(tiles[scene.row, scene.column], look, scene.heading)
    return _assembled(tiles)


def _with_agent(tile: Pixels, look: Look, heading: int) -> Pixels:
    """Return a tile with the agent on it: in its corner where something lies there, so that both are seen."""
    if look == FLOOR:
        return agent_over(tile, heading)
    tile, side = tile.copy(), len(tile) * 9 // 20
    tile[-side:, -side:] = agent_over(tile[-side:, -side:], heading)
    return tile


def _marked(room: Pixels, scene: Scene, cell: int, mark: int) -> Pixels:
    """Return a room of small cells in which things and agent are drawn larger than the cells they are in."""
    # The agent first, beneath things that are near it; where it stands on one, again, in a corner.
    own = _around(room, scene.row, scene.column, cell, mark)
    own[:] = agent_over(own, scene.heading)
    for row, column in np.argwhere(np.isin(scene.tiles, scene.things)).tolist():
        patch = _around(room, row, column, cell, mark)
        patch[:] = thing_over(patch, scene.looks[scene.tiles[row, column]], bool(scene.visible[row, column]))
    look = scene.looks[scene.tiles[scene.row, scene.column]]
    if look != FLOOR:
        own[:] = _with_agent(own, look, scene.heading)
    return room


def _around(room: Pixels, row: int, column: int, cell: int, side: int) -> Pixels:
    """Return a view of the square around the middle of a cell, pushed inside where it would leave."""
    top, left = (
        min(max(place * cell + (cell - side) // 2, 0), length - side)
        for place, length in zip((row, column), room.shape, strict=False)
    )
    return room[top : top + side, left : left + side]


def _agent_view(scene: Scene, cell: int) -> Pixels:
    """Return the window as the agent sees it, its own cell framed, with the notes in a band below."""
    lit, _ = _tables(scene.looks, cell)
    tiles = lit[scene.view]
    row, column = len(scene.view) - 1, len(scene.view) // 2
    own = tiles[row, column]
    own = _with_agent(own, scene.looks[scene.view[row, column]], heading=3)
    tiles[row, column] = framed(own, PALETTE["frame"])
    view = _assembled(tiles)
    return np.concatenate([view, *(_note(name, on, view.shape[1]) for name, on in scene.notes.items())])


def _note(name: str, on: bool, width: int) -> Pixels:
    band = page(_LINE, width)
    band[4:] = PALETTE["good" if on else "card"]
    _write(band, name, _LINE // 2 + 2, width // 2, PALETTE["agent" if on else "faint"], _SMALL, align=0.5)
    return band


def _assembled(tiles: Pixels) -> Pixels:
    rows, columns, cell = tiles.shape[:3]
    return tiles.swapaxes(1, 2).reshape(rows * cell, columns * cell, 3)


def _panel(scene: Scene) -> Pixels:
    """Return the step count as a bar and, line by line, the facts that the agent is not told."""
    panel = page(_LABEL + 8 + len(scene.facts) * _LINE, COLUMN)
    _write(panel, scene.title, _LABEL // 2, 0, PALETTE["text"], _BODY)
    _write(panel, f"step {scene.steps}/{scene.max_steps}", _LABEL // 2, COLUMN, PALETTE["faint"], _SMALL, 1.0)
    panel[_LABEL : _LABEL + 4] = PALETTE["card"]
    panel[_LABEL : _LABEL + 4, : COLUMN * scene.steps // scene.max_steps] = PALETTE["frame"]
    for place, fact in enumerate(scene.facts):
        _write_fact(panel, scene, fact, _LABEL + 8 + place * _LINE + _LINE // 2)
    return panel


def _write_fact(panel: Pixels, scene: Scene, fact: Fact, middle: int) -> None:
    _write(panel, fact.name, middle, 0, PALETTE["faint"], _SMALL)
    colour = PALETTE["text" if fact.mood == "neutral" else fact.mood]
    _write(panel, fact.text, middle, COLUMN, colour, _BODY, 1.0)
    left = COLUMN - len(fact.icons) * (_ICON + 2)
    for place, icon in enumerate(fact.icons):
        paste(
            panel, _icon(scene.looks[icon.tile], icon.mark), middle - _ICON // 2, left + place * (_ICON + 2)
        )


@functools.lru_cache(maxsize=64)
def _icon(look: Look, mark: Mark) -> Pixels:
    picture = sprite(look, _ICON, lit=mark != "done")
    if mark == "done":
        return ticked(picture)
    return framed(picture, PALETTE["frame"]) if mark == "next" else picture


@functools.lru_cache(maxsize=32)
def _legend(things: tuple[Look, ...], width: int, has_room: bool) -> Pixels:
    """Return a strip that names what can be met, wrapped like words."""
    rows, left = [page(_LEGEND, width)], 0
    for name, picture in _legend_entries(things, has_room):
        entry = _ICON + 6 + letters(name, _SMALL).shape[1]
        if left > 0 and left + entry > width:
            rows, left = [*rows, page(_LEGEND, width)], 0
        paste(rows[-1], picture, (_LEGEND - _ICON) // 2, left)
        _write(rows[-1], name, _LEGEND // 2, left + _ICON + 6, PALETTE["faint"], _SMALL)
        left += entry + 12
    return np.concatenate(rows)


def _legend_entries(things: tuple[Look, ...], has_room: bool) -> list[tuple[str, Pixels]]:
    entries = [("agent", agent_over(sprite(FLOOR, _ICON), heading=3))]
    entries += [(look.name, sprite(look, _ICON)) for look in things]
    if has_room:
        entries.append(("out of view", sprite(FLOOR, _ICON, lit=False)))
    return entries


def _labelled(label: str, picture: Pixels) -> Pixels:
    strip = page(_LABEL, picture.shape[1])
    _write(strip, label, _LABEL // 2 - 2, strip.shape[1] // 2, PALETTE["faint"], _SMALL, 0.5)
    return np.concatenate([strip, picture])


def _centred(picture: Pixels) -> Pixels:
    column = page(len(picture), COLUMN)
    paste(column, picture, 0, (COLUMN - picture.shape[1]) // 2)
    return column


def page(height: int, width: int) -> Pixels:
    """Return an empty image."""
    empty = np.empty((height, width, 3), dtype=np.uint8)
    empty[:] = PALETTE["page"]
    return empty


def paste(onto: Pixels, picture: Pixels, top: int, left: int) -> None:
    """Lay a picture onto a larger one."""
    onto[top : top + len(picture), left : left + picture.shape[1]] = picture


def _write(
    onto: Pixels, line: str, middle: int, left: int, colour: Colour, height: int, align: float = 0.0
) -> None:
    """Write a line around the row `middle`; the share `align` of its width lies left of the column `left`."""
    cover = letters(line, height)
    top, left = middle - len(cover) // 2, left - round(align * cover.shape[1])
    below = onto[top : top + len(cover), left : left + cover.shape[1]]
    share = cover[: len(below), : below.shape[1], np.newaxis]
    below[:] = np.rint(below + share * (np.array(colour) - below.astype(np.float64)))
