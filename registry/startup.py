"""How a program of these packages starts."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType, TracebackType

_PACKAGES = ("memory_envs", "agents")
_INTERRUPTED = 130


def quiet_interrupts() -> None:
    """Let Ctrl-C end a program of these packages without a traceback, also in the seconds that imports take.

    Nothing happens where a package is imported by another program.
    """
    if not _is_own_program():
        return
    shown, interrupted = sys.excepthook, threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()
        signal.default_int_handler(number, frame)

    def hook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
        if interrupted.is_set() and issubclass(kind, ImportError):
            # What libraries in C make of an interrupt that meets them while they are imported.
            os._exit(_INTERRUPTED)
        if not issubclass(kind, KeyboardInterrupt):
            shown(kind, problem, trace)

    sys.excepthook = hook
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)


def _is_own_program() -> bool:
    """Whether this process was started as `python -m package.program`."""
    arguments = sys.orig_argv
    program = arguments[arguments.index("-m") + 1 :][:1] if "-m" in arguments else []
    return bool(program) and program[0].partition(".")[0] in _PACKAGES
