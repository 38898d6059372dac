"""How the programs end: what a shell is told, and what of a mistake is shown."""

from __future__ import annotations

import sys
from collections.abc import Callable

import gymnasium

FINISHED, FAILED, REFUSED, INTERRUPTED = 0, 1, 2, 130

# What a wrong option, a missing file or a damaged checkpoint raises: the message says it all.
REFUSALS = (ValueError, TypeError, OSError, ImportError, gymnasium.error.Error)


def exit_status(command: Callable[[], int], *refusals: type[Exception]) -> int:
    """Run a command and return its status.

    Args:
        command: Returns a status.
        refusals: What it refuses with besides REFUSALS.

    Returns:
        What the command returns; REFUSED, with the message on standard error, where it refuses, and
        INTERRUPTED where Ctrl-C ends it. Anything else is a fault of ours and passes.
    """
    mistakes: tuple[type[Exception], ...] = (*REFUSALS, *refusals)
    try:
        return command()
    except mistakes as problem:
        print(f"error: {problem}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
