"""Ctrl-C that is handled at a safe moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

# Ctrl-C, `kill`, and a terminal that was closed, where there are such.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupt:
    """A request to stop.

    Attributes:
        requested: Whether somebody asked.
    """

    def __init__(self, on_request: Callable[[], None]) -> None:
        """Call `on_request` at the first request only."""
        self.requested = False
        self._on_request = on_request

    def request(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask to stop; has the signature of a signal handler."""
        if not self.requested:
            self.requested = True
            self._on_request()


def ignore_interrupts() -> None:
    """Ignore SIGNALS from now on, when only the exit is left."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def deferred_interrupts(on_request: Callable[[], None] = lambda: None) -> Iterator[Interrupt]:
    """Turn SIGNALS into a request for the length of a block, so that no work is cut in half.

    Later signals change nothing; SIGQUIT (Ctrl-backslash) still ends the process at once. Outside the main
    thread, the only one that may handle signals, this does nothing.
    """
    interrupt = Interrupt(on_request)
    with _handled_by(interrupt.request):
        yield interrupt


@contextlib.contextmanager
def raised_interrupts() -> Iterator[None]:
    """Let all SIGNALS do what Ctrl-C does for the length of a block: raise KeyboardInterrupt.

    Outside the main thread this does nothing.
    """
    with _handled_by(signal.default_int_handler):
        yield


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Handle SIGNALS in a way of our own; a hang-up that `nohup` had ignored stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {
        number: signal.signal(number, handler)
        for number in SIGNALS
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)
