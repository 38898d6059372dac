"""Ctrl-C that is handled at a safe moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


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
    """Ignore SIGINT and SIGTERM from now on, when only the exit is left."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def deferred_interrupts(on_request: Callable[[], None] = lambda: None) -> Iterator[Interrupt]:
    """Turn SIGINT and SIGTERM into a request for the length of a block, so that no work is cut in half.

    Later signals change nothing; SIGQUIT (Ctrl-backslash) still ends the process at once. Outside the main
    thread, the only one that may handle signals, this does nothing.
    """
    interrupt = Interrupt(on_request)
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    previous = {number: signal.signal(number, interrupt.request) for number in SIGNALS}
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
