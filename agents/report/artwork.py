"""The environments' own sprites on one sheet, so that the page's pictures look like frames."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.scene import FLOOR, Look
from memory_envs.rendering.sprites import Pixels, agent_over, framed, sprite, ticked

CELL = 56

COLUMNS = ("lit", "dimmed", "east", "south", "west", "north", "framed", "own", "ticked")
"""What each column of a sheet shows of a tile: seen, not seen, with the agent on it by heading, marked as
next, as the agent's own cell in its view, and marked as done."""


def sheet(looks: Sequence[Look], cell: int = CELL) -> Pixels:
    """Return the sprites of all tile codes, a row per code, uint8 [codes * cell, COLUMNS * cell, 3]."""
    return np.concatenate([np.concatenate(_row(look, cell), axis=1) for look in looks])


def sheet_data(looks: Sequence[Look]) -> dict[str, Any]:
    """Return the sheet as a data URI, with the names and colours of the tiles."""
    return {
        "uri": _png_uri(sheet(looks)),
        "cell": CELL,
        "columns": list(COLUMNS),
        "looks": [{"name": look.name, "colour": _css(look)} for look in looks],
    }


def _row(look: Look, cell: int) -> list[Pixels]:
    lit = sprite(look, cell)
    # As in the painter: nothing hides what lies in the agent's own cell, not even the agent.
    own = agent_over(lit, heading=3) if look == FLOOR else lit
    return [
        lit,
        sprite(look, cell, lit=False),
        *(agent_over(lit, heading) for heading in range(4)),
        framed(lit, PALETTE["frame"]),
        framed(own, PALETTE["frame"]),
        ticked(lit),
    ]


def _css(look: Look) -> str:
    return "rgb({}, {}, {})".format(*PALETTE[look.colour or look.shape])


def _png_uri(pixels: Pixels) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
