"""Teach a student: `python -m agents.mimic.train --teachers perfect_memory --tasks MemoryEnvs/IMaze-v0`.

This is `python -m agents.train --agent mimic`; options, files and exit statuses are those of that program.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from agents import train


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line; that of the process when None.

    Returns:
        The exit status; see `agents.train.main`.
    """
    given = sys.argv[1:] if arguments is None else arguments
    return train.main(["--agent", "mimic", *given])


if __name__ == "__main__":
    train.run(main)
