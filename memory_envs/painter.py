"""The painter: a scene becomes pixels, text or a window. It knows shapes and colours, and no rules.

pygame is imported when the first pixel is painted, so text needs no pygame and pixels need no display.
"""

import os
from typing import Any

import numpy as np
from gymnasium import error
from numpy.typing import NDArray

from memory_envs.scene import Look, Scene
from memory_envs.sprites import sprite

Colour = tuple[int, int, int]

PALETTE: dict[str, Colour] = {
    "page": (30, 34, 44),
    "wall": (48, 54, 68),
    "wall lit": (66, 74, 92),
    "floor": (214, 208, 196),
    "floor lit": (250, 243, 222),
    "line": (192, 185, 171),
    "line lit": (230, 219, 190),
    "agent": (36, 42, 54),
    "agent edge": (255, 255, 255),
    "text": (176, 184, 200),
    "neutral": (176, 184, 200),
    "good": (120, 200, 140),
    "bad": (232, 112, 104),
    "amber": (233, 150, 40),
    "azure": (52, 132, 214),
}

FRAME_SIZE = 480
"""Pixels that the longer side of the room fits into; the caption comes below the room."""

_CAPTION = 36
_MARGIN = 12
_FINER = 3  # shapes are drawn this much larger and scaled down, which smooths their edges
_HEADINGS = "^>v<"


def painted(scene: Scene, render_mode: str) -> NDArray[np.uint8] | str:
    """Return the scene as `text` for the render mode "ansi", else as `pixels`."""
    return text(scene) if render_mode == "ansi" else pixels(scene)


def text(scene: Scene) -> str:
    """Return the scene as lines of characters: the agent as one of ^>v<, floor it does not see as a blank."""
    lines = []
    for row, codes in enumerate(scene.tiles.tolist()):
        symbols = [_symbol(scene, row, column, scene.looks[code]) for column, code in enumerate(codes)]
        lines.append("".join(symbols))
    lines.append("  ".join(f"{name}: {fact}" for name, fact in scene.facts.items()))
    return "\n".join(lines) + "\n"


def pixels(scene: Scene) -> NDArray[np.uint8]:
    """Return the scene as an RGB image, uint8 [height, width, 3], room above caption."""
    pygame = _pygame()
    surface = _paint(pygame, scene)
    return np.ascontiguousarray(np.transpose(pygame.surfarray.array3d(surface), (1, 0, 2)))


class Window:
    """A window of its own on the screen, opened by the first scene it shows."""

    def __init__(self, title: str, frames_per_second: int) -> None:
        """Remember how the window will look; nothing is opened yet."""
        self._title = title
        self._frames_per_second = frames_per_second
        self._window: Any = None
        self._clock: Any = None

    def show(self, scene: Scene) -> None:
        """Paint a scene into the window and wait until the next frame is due.

        Raises:
            gymnasium.error.Error: There is no display.
        """
        pygame = _pygame()
        painted = _paint(pygame, scene)
        if self._window is None:
            self._open(pygame, painted.get_size())
        self._window.get_surface().blit(painted, (0, 0))
        self._window.flip()
        pygame.event.pump()
        self._clock.tick(self._frames_per_second)

    def close(self) -> None:
        """Close this window and no other; the display stays open, as others may be using it."""
        if self._window is not None:
            self._window.destroy()
            self._window = None

    def _open(self, pygame: Any, size: tuple[int, int]) -> None:
        try:
            pygame.display.init()
            self._window = pygame.Window(self._title, size)
        except pygame.error as problem:
            raise error.Error(
                f'render_mode="human" could not open a window ({problem}); '
                'without a display use render_mode="rgb_array" or "ansi"'
            ) from problem
        self._clock = pygame.time.Clock()


def _pygame() -> Any:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as missing:
        raise error.DependencyNotInstalled(
            'painting needs pygame-ce, which is not installed; run `pip install "memory-envs[render]"`'
        ) from missing
    return pygame


def _symbol(scene: Scene, row: int, column: int, look: Look) -> str:
    if (row, column) == (scene.row, scene.column):
        return _HEADINGS[(scene.heading + 1) % 4]
    if look.shape == "floor" and not scene.visible[row, column]:
        return " "
    return look.symbol


def _paint(pygame: Any, scene: Scene) -> Any:
    height, width = scene.tiles.shape
    cell = max(8, FRAME_SIZE // max(height, width) // 2 * 2)  # even, as video encoders want frames to be
    fine = pygame.Surface((width * cell * _FINER, height * cell * _FINER), 0, 32)
    fine.fill(PALETTE["page"])
    for row in range(height):
        for column in range(width):
            _paint_tile(pygame, fine, scene, row, column, cell * _FINER)
    _paint_agent(pygame, fine, scene, cell * _FINER)
    surface = pygame.Surface((width * cell, height * cell + _CAPTION), 0, 32)
    surface.fill(PALETTE["page"])
    surface.blit(pygame.transform.smoothscale(fine, (width * cell, height * cell)), (0, 0))
    _paint_caption(pygame, surface, scene, height * cell)
    return surface


def _paint_tile(pygame: Any, surface: Any, scene: Scene, row: int, column: int, cell: int) -> None:
    picture = sprite(scene.looks[scene.tiles[row, column]], cell, bool(scene.visible[row, column]))
    surface.blit(pygame.surfarray.make_surface(picture.swapaxes(0, 1)), (column * cell, row * cell))


def _paint_agent(pygame: Any, surface: Any, scene: Scene, cell: int) -> None:
    center = pygame.Vector2((scene.column + 0.5) * cell, (scene.row + 0.5) * cell)
    arrow = [(0.30, 0.0), (-0.22, -0.24), (-0.10, 0.0), (-0.22, 0.24)]
    corners = [center + pygame.Vector2(x, y).rotate(90 * scene.heading) * cell for x, y in arrow]
    for colour, radius in ((PALETTE["agent edge"], cell * 0.09), (PALETTE["agent"], cell * 0.055)):
        pygame.draw.polygon(surface, colour, corners)
        for start, end in zip(corners, corners[1:] + corners[:1], strict=True):
            _paint_rounded_line(pygame, surface, colour, start, end, radius)


def _paint_rounded_line(
    pygame: Any, surface: Any, colour: Colour, start: Any, end: Any, radius: float
) -> None:
    across = (end - start).normalize().rotate(90) * radius
    pygame.draw.polygon(surface, colour, [start + across, end + across, end - across, start - across])
    pygame.draw.circle(surface, colour, start, radius)


def _paint_caption(pygame: Any, surface: Any, scene: Scene, top: int) -> None:
    pygame.font.init()
    font = pygame.font.Font(None, 20)
    last = len(scene.facts) - 1
    labels = [
        font.render(f"{name}  {fact}", True, PALETTE[scene.mood if place == last else "text"])
        for place, (name, fact) in enumerate(scene.facts.items())
    ]
    free = surface.get_width() - 2 * _MARGIN - sum(label.get_width() for label in labels)
    left = _MARGIN
    for label in labels:
        surface.blit(label, (left, top + (_CAPTION - label.get_height()) // 2))
        left += label.get_width() + free // max(1, last)
