"""Memory tasks for reinforcement learning. Importing the package registers them with Gymnasium."""

from typing import Any

from registry.envs import register_envs

__version__ = "0.1.0"

register_envs()


def __getattr__(name: str) -> Any:
    """Import the certificates only when they are asked for."""
    if name in ("certify", "normalized_score", "reference"):
        from memory_envs import certificate

        return getattr(certificate, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
