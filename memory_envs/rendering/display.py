"""Letters and windows: all that pygame is needed for. It is imported when the first of them is asked for."""

import functools
import os
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from gymnasium import error
from numpy.typing import NDArray

from memory_envs.extras import not_installed

_FINER = 8
_BLIND_DRIVERS = ("dummy", "offscreen")


_OWNERS: WeakValueDictionary[int, "Window"] = WeakValueDictionary()
"""Who opened the windows that are on the screen, by pygame's numbers of them."""
_LOST: list[Any] = []
"""Windows that pygame has ended. Freed, they would destroy what was opened since where they lay in memory."""


class Window:
    """A window of its own on the screen, opened by the first image it shows.

    Its closing button closes it, and what is shown afterwards is not seen: a run goes on without it. `close`
    makes it new. Where another part of the program shuts pygame down, which ends all windows, the next image
    opens a new one.
    """

    def __init__(
        self,
        title: str,
        frames_per_second: float,
        otherwise: str = 'without a display use render_mode="rgb_array" or "ansi"',
    ) -> None:
        """Remember how the window will look; nothing is opened yet.

        Args:
            title: What stands above it.
            frames_per_second: How often an image may be shown.
            otherwise: What the error says to do where there is no display.
        """
        self._title = title
        self._frames_per_second = frames_per_second
        self._otherwise = otherwise
        self._dismissed = False
        self._window: Any = None
        self._clock: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as a window that is not open yet: one on the screen has no copy."""
        return Window, (self._title, self._frames_per_second, self._otherwise)

    def show(self, image: NDArray[np.uint8]) -> None:
        """Show an image, uint8 [height, width, 3], and wait until the next one is due.

        Nothing happens once the closing button was pressed.

        Raises:
            gymnasium.error.DependencyNotInstalled: pygame is missing, or the classic one.
            gymnasium.error.Error: There is no display.
        """
        if self._dismissed:
            return
        pygame = load_pygame()
        self._forget_if_lost(pygame)
        surface = pygame.surfarray.make_surface(image.swapaxes(0, 1))
        if self._window is None:
            self._open(pygame, surface.get_size())
        self._window.get_surface().blit(surface, (0, 0))
        self._window.flip()
        if self._events(pygame, (pygame.QUIT, pygame.WINDOWCLOSE)):
            self._dismiss()
            return
        self._clock.tick(self._frames_per_second)

    def keys(self) -> list[str]:
        """Return the names of the keys pressed since the last call, "quit" for the window's closing button.

        Names are those of pygame: "left", "a", "escape". Keys pressed in other windows stay for them.
        """
        pygame = load_pygame()
        self._forget_if_lost(pygame)
        if self._window is None:
            return ["quit"] if self._dismissed else []
        events = self._events(pygame, (pygame.KEYDOWN, pygame.QUIT, pygame.WINDOWCLOSE))
        return [pygame.key.name(event.key) if event.type == pygame.KEYDOWN else "quit" for event in events]

    def close(self) -> None:
        """Close this window and no other; the next image opens a new one.

        The display stays open, as other windows may be using it.
        """
        self._dismiss()
        self._dismissed = False

    def _forget_if_lost(self, pygame: Any) -> None:
        """Forget a window that ended with all others.

        Pygame says so to whoever asks for anything of it, unless a window opened since lies where it lay.
        """
        if self._window is None:
            return
        try:
            is_own = self._window.title == self._title and _OWNERS.get(self._window.id) is self
        except pygame.error:
            is_own = False
        if not is_own:
            _LOST.append(self._window)
            self._window = None

    def _dismiss(self) -> None:
        if self._window is not None:
            self._forget_if_lost(load_pygame())
        if self._window is not None:
            self._window.destroy()
            self._window = None
        self._dismissed = True

    def _events(self, pygame: Any, kinds: tuple[int, ...]) -> list[Any]:
        """Take the events of this window, and those of no window, from the queue."""
        own: list[Any] = []
        others: list[Any] = []
        for event in pygame.event.get(kinds):
            (own if getattr(event, "window", None) in (None, self._window) else others).append(event)
        for event in others:
            pygame.event.post(event)
        return own

    def _open(self, pygame: Any, size: tuple[int, int]) -> None:
        if not hasattr(getattr(pygame, "Window", None), "get_surface"):
            raise error.DependencyNotInstalled(
                "a window needs pygame-ce, in whose place the classic pygame or an old one is installed; "
                "run `pip uninstall pygame`, then `pip install --force-reinstall pygame-ce`"
            )
        try:
            pygame.display.init()
            # Without a display SDL falls back to a driver that draws to nowhere, unless it was asked for.
            if pygame.display.get_driver() in _BLIND_DRIVERS and not os.environ.get("SDL_VIDEODRIVER"):
                pygame.display.quit()
                raise pygame.error("no display was found")
            self._window = pygame.Window(self._title, size)
            _OWNERS[self._window.id] = self
        except pygame.error as problem:
            raise error.Error(f"could not open a window ({problem}); {self._otherwise}") from problem
        self._clock = pygame.time.Clock()


@functools.lru_cache(maxsize=512)
def letters(text: str, height: int) -> NDArray[np.float64]:
    """Return a line of text as the share of each pixel that its letters cover, float64 [rows, columns].

    Args:
        text: The line.
        height: Size of the font in pixels.

    Raises:
        gymnasium.error.DependencyNotInstalled: pygame is missing.
    """
    pygame = load_pygame()
    pygame.font.init()
    # Drawn larger and averaged: a small font puts each letter on a whole pixel, which spaces them unevenly.
    surface = pygame.font.Font(None, height * _FINER).render(text or " ", True, (255, 255, 255))
    fine = pygame.surfarray.array_alpha(surface).swapaxes(0, 1) / 255
    fine = np.pad(fine, [(0, -length % _FINER) for length in fine.shape])
    rows, columns = (length // _FINER for length in fine.shape)
    cover: NDArray[np.float64] = fine.reshape(rows, _FINER, columns, _FINER).mean(axis=(1, 3))
    cover.flags.writeable = False
    return cover


def load_pygame() -> Any:
    """Return pygame, without its greeting and without opening anything.

    Raises:
        gymnasium.error.DependencyNotInstalled: Naming the extra that brings it.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as missing:
        raise error.DependencyNotInstalled(not_installed("painting", "pygame-ce", "render")) from missing
    return pygame
