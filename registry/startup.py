"""How a program of these packages starts."""

from __future__ import annotations

import sys
from types import TracebackType


def quiet_interrupts(package: str) -> None:
    """Let Ctrl-C end a program of a package without a traceback, also in the seconds that imports take.

    Nothing happens where the package is imported by another program.
    """
    if not _is_program_of(package):
        return
    shown = sys.excepthook

    def hook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            shown(kind, problem, trace)

    sys.excepthook = hook


def _is_program_of(package: str) -> bool:
    """Whether this process was started as `python -m package.program`."""
    arguments = sys.orig_argv
    program = arguments[arguments.index("-m") + 1 :][:1] if "-m" in arguments else []
    return bool(program) and program[0].partition(".")[0] == package
