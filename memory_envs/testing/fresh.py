"""Calls a function in a new interpreter, whose hashes, globals and environment variables are its own."""

import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]

_TASK, _RESULT = "task", "result"
_PROGRAM = f"import sys; from {__name__} import answer; answer(sys.argv[1])"


class FreshProcessError(RuntimeError):
    """The function raised, or the process died; the message holds its traceback or what it wrote."""


def call_fresh(
    function: Callable[..., Any],
    *arguments: Any,
    environ: Mapping[str, str | None] | None = None,
    timeout: float = 300.0,
) -> Any:
    """Return what `function(*arguments)` returns in a new Python process.

    Args:
        function: Anything cloudpickle can carry over, and so a lambda too.
        *arguments: Its arguments.
        environ: Environment variables to change there; None removes one.
        timeout: Seconds after which the process is given up.

    Raises:
        FreshProcessError: The call failed there.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / _TASK).write_bytes(cloudpickle.dumps((function, arguments)))
        process = subprocess.run(
            [sys.executable, "-c", _PROGRAM, name],
            env=_environment(environ or {}),
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if not (folder / _RESULT).exists():
            raise FreshProcessError(
                f"a fresh process ended with status {process.returncode}: {process.stderr}"
            )
        succeeded, result = pickle.loads((folder / _RESULT).read_bytes())
    if not succeeded:
        raise FreshProcessError(result)
    return result


def another_hash_seed() -> dict[str, str]:
    """Return the environment variable that gives strings other hashes than in this process."""
    return {"PYTHONHASHSEED": "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"}


def answer(name: str) -> None:
    """Do what `call_fresh` left in the folder `name` for this process, and leave the outcome there."""
    folder = Path(name)
    try:
        function, arguments = pickle.loads((folder / _TASK).read_bytes())
        outcome = (True, function(*arguments))
    except Exception:
        outcome = (False, traceback.format_exc())
    unfinished = folder / "unfinished"
    unfinished.write_bytes(cloudpickle.dumps(outcome))
    unfinished.rename(folder / _RESULT)


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    search = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    changed = {**os.environ, "PYTHONPATH": search, **changes}
    return {name: value for name, value in changed.items() if value is not None}
