"""What ends a training run that cannot go on, with what is known of it."""

from __future__ import annotations

from typing import Any


class EnvironmentFailed(Exception):
    """An environment raised in another process; also an instance of what it raised, where that can be.

    Attributes:
        lanes: Of each lane that may be the one: `lane`, `seed`, `episode` since that seed, and `actions`,
            the last of which was not survived.
    """

    lanes: list[dict[str, Any]]

    def __str__(self) -> str:
        """The message, whatever the other class makes of it."""
        return str(self.args[0])


def environment_failed(
    problem: BaseException | None, message: str, lanes: list[dict[str, Any]]
) -> EnvironmentFailed:
    """Return the exception to raise for what an environment raised.

    Args:
        problem: What it raised, or None if unknown.
        message: With the traceback of its process.
        lanes: See `EnvironmentFailed`.
    """
    failed: EnvironmentFailed
    try:
        kind: Any = type(type(problem).__name__, (EnvironmentFailed, type(problem)), {})
        failed = kind(message)
    except TypeError:  # no problem at all, or a class that cannot share its place or wants other arguments
        failed = EnvironmentFailed(message)
    failed.lanes = lanes
    return failed


class NoCluster(ConnectionError):
    """There is no cluster to work on."""


class WorkersDied(RuntimeError):
    """Workers die faster than they do anything."""


class WaitedTooLong(TimeoutError):
    """Workers gave no sign of life for longer than anything should take."""
