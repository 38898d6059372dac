"""Says why a program ended whose Ray ended, as Ray ends a program on the spot and without a word.

The driver runs this file as a process of its own, which sees the driver's end of a pipe close. Nothing of
this package is imported in it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_FAREWELL = b"left"


class LastWords:
    """A process that outlives this one by a moment.

    Args:
        servers: Numbers of the processes without which Ray cannot be, by name.
    """

    def __init__(self, servers: Mapping[str, int]) -> None:
        command = [sys.executable, "-S", "-E", __file__, *(f"{name}={pid}" for name, pid in servers.items())]
        # In a session of its own, so that Ctrl-C does not end it.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def withdraw(self) -> None:
        """Say nothing: Ray is left in an orderly way."""
        self._process.communicate(_FAREWELL)


def _main(arguments: list[str]) -> None:
    if sys.stdin.buffer.read() == _FAREWELL:
        return
    servers = (argument.partition("=") for argument in arguments)
    if dead := [f"{name}, process {pid}" for name, _, pid in servers if not _is_alive(int(pid))]:
        print(
            "error: Ray has ended this program, as servers of it on this machine are gone: "
            f"{'; '.join(dead)}. Resume the run from its last checkpoint with --resume",
            file=sys.stderr,
        )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # there is no /proc, or it has ended just now
        return not os.path.exists("/proc/self")


if __name__ == "__main__":
    _main(sys.argv[1:])
