"""Libraries that only an extra of the package installs."""

from __future__ import annotations

import importlib
from typing import Any

# Library -> the extra that installs it.
EXTRAS = {
    "onnx": "export",
    "onnxruntime": "export",
    "onnxscript": "export",
    "ray": "distributed",
    "minigrid": "foreign",
    "Box2D": "foreign",
    "rl_zoo3": "zoo",
}


def require(library: str, purpose: str) -> Any:
    """Import a library of an extra.

    Args:
        library: One of EXTRAS.
        purpose: What needs it, for the error: "exporting an actor".

    Returns:
        The module.

    Raises:
        ImportError: It is not installed; names the extra.
    """
    try:
        return importlib.import_module(library)
    except ModuleNotFoundError as missing:
        if missing.name != library:  # it is installed, and something that it needs is not
            raise
        raise ImportError(
            f'{purpose} needs {library}, which is not installed: pip install "memory-envs[{EXTRAS[library]}]"'
        ) from missing
