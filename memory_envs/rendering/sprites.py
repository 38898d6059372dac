"""Sprites: how a tile looks, as pixels. Only numpy is needed, so image observations need no drawing library.

Every shape is a signed distance in units of one cell, negative inside. A pixel takes a colour in proportion
to how much of it the shape covers, which the distance of its centre tells closely enough: edges are smooth
and a shape is the same at every size.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memory_envs.rendering.palette import PALETTE, Colour
from memory_envs.rendering.scene import Look

Pixels = NDArray[np.uint8]
Distances = NDArray[np.float64]

DIMMED, DIMMED_THING = 0.56, 0.86
"""How much of its colour a tile keeps where the agent does not see it; a thing more, to keep its hue."""

_EDGE = 0.045
_HALO = 0.06
_SHADE = 0.62
_HOLLOW_WIDTH = 0.11


def sprite(look: Look, cell: int, lit: bool = True) -> Pixels:
    """Return the picture of a tile.

    Args:
        look: Shape and colour.
        cell: Pixels along each side.
        lit: Whether the agent sees the tile; one that it does not see is dimmed.

    Returns:
        uint8 [cell, cell, 3], a new array.

    Raises:
        ValueError: `cell` is below 1, or the shape or the colour has no picture.
    """
    if cell < 1:
        raise ValueError(f"cell must be at least 1 pixel, got {cell}")
    image = _wall(cell) if look.shape == "wall" else _floor(cell)
    if not lit:
        image = _mixed(image, PALETTE["shadow"], np.full((cell, cell), 1 - DIMMED))
    return _rounded(image if look.shape in ("wall", "floor") else _with_thing(image, look, lit))


def sprite_table(looks: Sequence[Look], cell: int) -> Pixels:
    """Return the sprites of all tile codes, uint8 [len(looks), cell, cell, 3], to be indexed by codes."""
    return np.stack([sprite(look, cell) for look in looks])


def agent_over(tile: Pixels, heading: int) -> Pixels:
    """Return a tile with the agent on it, an arrow that points where it looks.

    Args:
        tile: uint8 [cell, cell, 3].
        heading: 0 east, 1 south, 2 west, 3 north.
    """
    x, y = _grid(len(tile))
    angle = -heading * np.pi / 2
    ahead, right = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    arrow = _polygon(ahead, right, [(0.29, 0.0), (-0.22, -0.23), (-0.11, 0.0), (-0.22, 0.23)]) - 0.055
    image = _mixed(tile.astype(np.float64), PALETTE["halo"], _cover(arrow - 0.05))
    return _rounded(_mixed(image, PALETTE["agent"], _cover(arrow)))


def thing_over(tile: Pixels, look: Look, lit: bool = True) -> Pixels:
    """Return a picture with a thing on it, on a plate of its shape that sets it off from what lies below.

    Args:
        tile: uint8 [cell, cell, 3].
        look: Shape and colour of the thing; neither wall nor floor.
        lit: Whether the agent sees it.

    Raises:
        ValueError: The shape or the colour has no picture.
    """
    plate = _cover(_distance(replace(look, hollow=False), len(tile)) - _plate_edge(look))
    return _rounded(_with_thing(_mixed(tile.astype(np.float64), PALETTE["halo"], plate), look, lit))


def framed(tile: Pixels, colour: Colour) -> Pixels:
    """Return a tile with a rounded frame inside its border, which leaves what lies on it in sight."""
    x, y = _grid(len(tile))
    frame = np.abs(_box(x, y, 0.43, 0.43, 0.1)) - 0.035
    return _rounded(_mixed(tile.astype(np.float64), colour, _cover(frame)))


def ticked(tile: Pixels) -> Pixels:
    """Return a tile with a tick in its corner."""
    x, y = _grid(len(tile))
    tick = _polygon(x, y, [(0.0, 0.22), (0.15, 0.36), (0.4, 0.02), (0.15, 0.355)]) - 0.055
    image = _mixed(tile.astype(np.float64), PALETTE["page"], _cover(tick - 0.06))
    return _rounded(_mixed(image, PALETTE["good"], _cover(tick)))


def _wall(cell: int) -> NDArray[np.float64]:
    x, y = _grid(cell)
    image = _filled(cell, PALETTE["wall edge"])
    return _mixed(image, PALETTE["wall"], _cover(_box(x, y + 0.02, 0.46, 0.44, 0.06)))


def _floor(cell: int) -> NDArray[np.float64]:
    x, y = _grid(cell)
    return _mixed(_filled(cell, PALETTE["line"]), PALETTE["floor"], _cover(_box(x, y, 0.48, 0.48, 0.03)))


def _with_thing(image: NDArray[np.float64], look: Look, lit: bool) -> NDArray[np.float64]:
    distance = _distance(look, len(image))
    colour = PALETTE[look.colour]
    if not lit:
        colour = _between(PALETTE["shadow"], colour, DIMMED_THING)
    image = _mixed(image, _between((0, 0, 0), colour, _SHADE), _cover(distance - _EDGE))
    return _mixed(image, colour, _cover(distance))


def _distance(look: Look, cell: int) -> Distances:
    if look.shape not in _DISTANCES or look.colour not in PALETTE:
        raise ValueError(
            f"a look must have one of the shapes wall, floor, {', '.join(_DISTANCES)} and one of the colours "
            f"{', '.join(PALETTE)}, got {look}"
        )
    distance = _DISTANCES[look.shape](*_grid(cell))
    return np.abs(distance - 0.01) - _HOLLOW_WIDTH / 2 if look.hollow else distance


def _plate_edge(look: Look) -> float:
    return _HALO + _EDGE + (_HOLLOW_WIDTH / 2 + 0.01 if look.hollow else 0)


def _between(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(first, second, strict=True))
    return red, green, blue


def _grid(cell: int) -> tuple[Distances, Distances]:
    """Return how far right and how far down of the middle each pixel's centre lies, in cells."""
    along = (np.arange(cell) + 0.5) / cell - 0.5
    x, y = np.meshgrid(along, along)
    return x, y


def _disc(x: Distances, y: Distances) -> Distances:
    return np.hypot(x, y) - 0.28


def _square(x: Distances, y: Distances) -> Distances:
    return _box(x, y, 0.25, 0.25, 0.05)


def _diamond(x: Distances, y: Distances) -> Distances:
    return _polygon(x, y, [(0.0, -0.31), (0.31, 0.0), (0.0, 0.31), (-0.31, 0.0)]) - 0.025


def _triangle(x: Distances, y: Distances) -> Distances:
    return _polygon(x, y, [(0.0, -0.28), (0.3, 0.24), (-0.3, 0.24)]) - 0.03


def _star(x: Distances, y: Distances) -> Distances:
    angles = np.arange(10) * np.pi / 5
    radii = np.where(np.arange(10) % 2, 0.15, 0.34)
    corners = zip((radii * np.sin(angles)).tolist(), (0.02 - radii * np.cos(angles)).tolist(), strict=True)
    return _polygon(x, y, list(corners)) - 0.02


def _cross(x: Distances, y: Distances) -> Distances:
    return _plus((x - y) / np.sqrt(2), (x + y) / np.sqrt(2))


def _plus(x: Distances, y: Distances) -> Distances:
    return np.minimum(_box(x, y, 0.37, 0.095, 0.03), _box(x, y, 0.095, 0.37, 0.03))


def _moon(x: Distances, y: Distances) -> Distances:
    return np.maximum(np.hypot(x + 0.02, y) - 0.31, 0.22 - np.hypot(x - 0.14, y))


_DISTANCES: dict[str, Callable[[Distances, Distances], Distances]] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "diamond": _diamond,
    "star": _star,
    "cross": _cross,
    "plus": _plus,
    "moon": _moon,
}


def _box(x: Distances, y: Distances, width: float, height: float, corner: float) -> Distances:
    """Return the distances to a box with rounded corners, given as half its width and height."""
    beside, below = np.abs(x) - (width - corner), np.abs(y) - (height - corner)
    outside = np.hypot(np.maximum(beside, 0), np.maximum(below, 0))
    return outside + np.minimum(np.maximum(beside, below), 0) - corner


def _polygon(x: Distances, y: Distances, corners: Sequence[tuple[float, float]]) -> Distances:
    """Return the distances to a polygon: to its nearest side, negative where a ray crosses an odd number."""
    nearest, inside = np.full(x.shape, np.inf), np.zeros(x.shape, dtype=np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        dx, dy = x1 - x0, y1 - y0
        along = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        nearest = np.minimum(nearest, np.hypot(x - x0 - along * dx, y - y0 - along * dy))
        if dy != 0:
            inside ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * dx / dy)
    return np.where(inside, -nearest, nearest)


def _cover(distance: Distances) -> Distances:
    """Return how much of each pixel lies inside, from 0 to 1."""
    return np.clip(0.5 - distance * len(distance), 0, 1)


def _filled(cell: int, colour: Colour) -> NDArray[np.float64]:
    return np.broadcast_to(np.array(colour, dtype=np.float64), (cell, cell, 3))


def _mixed(image: NDArray[np.float64], colour: Sequence[int], share: Distances) -> NDArray[np.float64]:
    return image + share[:, :, np.newaxis] * (np.array(colour, dtype=np.float64) - image)


def _rounded(image: NDArray[np.float64]) -> Pixels:
    return np.rint(image).astype(np.uint8)
