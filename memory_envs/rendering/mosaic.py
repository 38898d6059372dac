"""Mosaics: many rooms in one image, each under a strip with its lane, its progress and how it ended.

Only numpy is needed: the few characters are drawn from the table below.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memory_envs.rendering.painter import LEAST_CELL, ROOM, page, paste, room
from memory_envs.rendering.palette import PALETTE, Colour
from memory_envs.rendering.scene import Icon, Mood, Scene
from memory_envs.rendering.sprites import Pixels, framed, sprite

MOSAIC = 960
"""Pixels that the rooms of a mosaic fit into while their cells have at least LEAST_CELL."""

STRIP = 16
"""Pixels above a room for what is told of it."""

_GAP = 6
_ICON = 12
_DOT = 2  # pixels of a dot of a character

# Characters of three by five dots, row by row.
_CHARACTERS = {
    "0": "### #.# #.# #.# ###",
    "1": ".#. ##. .#. .#. ###",
    "2": "### ..# ### #.. ###",
    "3": "### ..# .## ..# ###",
    "4": "#.# #.# ### ..# ..#",
    "5": "### #.. ### ..# ###",
    "6": "### #.. ### #.# ###",
    "7": "### ..# ..# .#. .#.",
    "8": "### #.# ### #.# ###",
    "9": "### #.# ### ..# ###",
}
# What stands for an end, so that it is not told by colour alone: a tick and a cross.
_ENDS: dict[Mood, str] = {"good": "....# ...## #.##. ###.. .#...", "bad": "#...# .#.#. ..#.. .#.#. #...#"}


def mosaic(scenes: Sequence[Scene], moods: Sequence[Mood] | None = None) -> Pixels:
    """Return many rooms in one image, row by row, as near to a square as their number allows.

    Above each stand its number, counted from 0, the things to be met in an order with those that are done
    dimmed and the next one framed, and a tick or a cross where the episode ended; whatever there is no room
    for is left out from the right. A border has the colour of the end.

    Args:
        scenes: The rooms.
        moods: How each ended; None takes the moods of the scenes.
    """
    moods = [scene.mood for scene in scenes] if moods is None else moods
    columns = math.ceil(math.sqrt(len(scenes)))
    rows = math.ceil(len(scenes) / columns)
    side = max(scenes[0].tiles.shape)
    cell = max(LEAST_CELL, min(ROOM // side, (MOSAIC // columns - _GAP) // side) // 2 * 2)
    tall, wide = (cells * cell + _GAP for cells in scenes[0].tiles.shape)
    tall += STRIP
    frame = page(rows * tall + _GAP, columns * wide + _GAP)
    for number, (scene, mood) in enumerate(zip(scenes, moods, strict=True)):
        top, left = number // columns * tall + _GAP, number % columns * wide + _GAP
        if mood != "neutral":
            border = frame[top + STRIP - _GAP // 2 : top + tall - _GAP // 2]
            border[:, left - _GAP // 2 : left + wide - _GAP // 2] = PALETTE[mood]
        paste(frame, _strip(scene, number, mood, wide - _GAP), top - _GAP // 2, left)
        paste(frame, room(scene, cell), top + STRIP, left)
    return frame


def _strip(scene: Scene, number: int, mood: Mood, width: int) -> Pixels:
    strip = page(STRIP, width)
    parts = [[_dotted(_CHARACTERS[digit], PALETTE["text"]) for digit in str(number)]]
    if mood in _ENDS:
        parts.append([_dotted(_ENDS[mood], PALETTE[mood])])
    parts.append([_icon(scene, icon.tile, icon.mark) for icon in _ordered(scene)])
    left = 0
    for pictures in parts:
        between = _DOT
        needed = sum(picture.shape[1] + between for picture in pictures)
        if left + needed > width:
            break
        for picture in pictures:
            paste(strip, picture, (STRIP - len(picture)) // 2, left)
            left += picture.shape[1] + between
        left += 2 * between
    return strip


def _ordered(scene: Scene) -> list[Icon]:
    """The icons of the facts that tell progress."""
    return [icon for fact in scene.facts if any(each.mark for each in fact.icons) for icon in fact.icons]


def _icon(scene: Scene, tile: int, mark: str) -> Pixels:
    picture = sprite(scene.looks[tile], _ICON, lit=mark != "done")
    return framed(picture, PALETTE["frame"]) if mark == "next" else picture


def _dotted(rows: str, colour: Colour) -> Pixels:
    dots: NDArray[np.bool_] = np.array([[dot == "#" for dot in row] for row in rows.split()])
    shape = dots.repeat(_DOT, axis=0).repeat(_DOT, axis=1)
    return np.where(shape[:, :, np.newaxis], np.array(colour, np.uint8), np.array(PALETTE["page"], np.uint8))
