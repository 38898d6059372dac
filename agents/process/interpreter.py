"""The interpreter of this process in commands that a person may type."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def python_command(module: str) -> str:
    """Return the command that runs a module with this interpreter, quoted for a shell.

    The interpreter's path is relative where it is below the working directory.
    """
    executable = Path(sys.executable)
    is_here = executable.is_relative_to(Path.cwd())
    path = os.path.relpath(executable) if is_here else str(executable)
    return f"{shlex.quote(path)} -m {module}"
