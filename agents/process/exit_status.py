"""Exit statuses of the programs, and which errors end them with a message instead of a traceback."""

from __future__ import annotations

from collections.abc import Callable

import gymnasium

from memory_envs.commands import FINISHED, INTERRUPTED, REFUSED, refused

__all__ = ["FAILED", "FINISHED", "INTERRUPTED", "REFUSALS", "REFUSED", "exit_status", "refused"]

FAILED = 1

# What a wrong option, a missing file or a damaged checkpoint raises: the message is enough.
REFUSALS = (ValueError, TypeError, OSError, ImportError, gymnasium.error.Error)


def exit_status(command: Callable[[], int], *refusals: type[Exception]) -> int:
    """Run a command and return its status.

    Args:
        command: Returns a status.
        refusals: Errors that count as refusals besides REFUSALS.

    Returns:
        What the command returns; REFUSED, with the message on standard error, where it refuses, and
        INTERRUPTED where Ctrl-C ends it. Any other error is a fault of ours and is raised.
    """
    mistakes: tuple[type[Exception], ...] = (*REFUSALS, *refusals)
    try:
        return command()
    except mistakes as problem:
        return refused(problem)
    except KeyboardInterrupt:
        return INTERRUPTED
