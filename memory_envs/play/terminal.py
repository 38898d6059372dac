"""A terminal to play in: keys as they are pressed, and the screen as it was when all is over."""

import os
import re
import select
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from gymnasium import error

_ENTER, _LEAVE = (
    "\x1b[?1049h\x1b[?25l",
    "\x1b[?25h\x1b[?1049l",
)  # another screen, without the cursor; and back
_CLEAR = "\x1b[H\x1b[2J"
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
# ECMA-48, 5.4: parameters, intermediates, one final character; SS3 (ESC O) is followed by a single one.
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*([@-~])?|O([@-~])?)")
_WINDOWS_ARROWS = {"H": "up", "P": "down", "M": "right", "K": "left"}
_ENDINGS = ("SIGTERM", "SIGHUP")


class Terminal:
    """The terminal of the process, taken over in a `with` block and given back however the block is left."""

    def __enter__(self) -> "Terminal":
        """Take the terminal over.

        Raises:
            gymnasium.error.Error: Input or output is no terminal.
        """
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise error.Error("playing with text needs a terminal for input and output")
        self._signals = {name: signal.signal(name, _exit) for name in _available_endings()}
        self._restore, self._read = _windows_keys() if os.name == "nt" else _posix_keys()
        self._write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the terminal back."""
        self._restore()
        self._write(_LEAVE)
        for name, handler in self._signals.items():
            signal.signal(name, handler)

    def draw(self, text: str) -> None:
        """Show a text instead of all that was there."""
        self._write(_CLEAR + text)

    def keys(self) -> list[str]:
        """Wait for keys and return their names: "left", "a", "escape", or "quit" at the end of input."""
        return key_names(self._read())

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def key_names(pressed: str) -> list[str]:
    """Return the names of the keys that a terminal has sent.

    An arrow with Shift, Ctrl or Alt is the arrow. Any other escape sequence, read to its end, is "unknown".
    """
    if not pressed:
        return ["quit"]
    names = []
    while pressed:
        sequence = _SEQUENCE.match(pressed)
        if sequence:
            names.append(_ARROWS.get(sequence[1] or sequence[2] or "", "unknown"))
        else:
            names.append("escape" if pressed[0] == "\x1b" else pressed[0].lower())
        pressed = pressed[sequence.end() if sequence else 1 :]
    return names


def _posix_keys() -> tuple[Callable[[], None], Callable[[], str]]:
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor)
    # A signal that comes just before select() would be handled behind it, at the next key: it wakes it, too.
    signalled, signals = os.pipe()
    os.set_blocking(signals, False)
    woken = signal.set_wakeup_fd(signals, warn_on_full_buffer=False)

    def read() -> str:
        while descriptor not in select.select([descriptor, signalled], [], [])[0]:
            os.read(signalled, 64)  # its handler runs now
        return os.read(descriptor, 64).decode(errors="replace")

    def restore() -> None:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.set_wakeup_fd(woken)
        os.close(signalled)
        os.close(signals)

    return restore, read


def _windows_keys() -> tuple[Callable[[], None], Callable[[], str]]:
    import msvcrt

    console: Any = msvcrt

    def read() -> str:
        key: str = console.getwch()
        if key in ("\x00", "\xe0"):
            arrow = _WINDOWS_ARROWS.get(console.getwch(), "")
            return next((f"\x1b[{end}" for end, name in _ARROWS.items() if name == arrow), "\x00")
        return key

    return lambda: None, read


def _available_endings() -> list[int]:
    return [getattr(signal, name) for name in _ENDINGS if hasattr(signal, name)]


def _exit(number: int, frame: Any) -> None:
    raise SystemExit(128 + number)
