"""Actors, learner and distillers in processes of their own, on one machine or many, with Ray in between.

Only the settings are imported here: Ray itself is needed once an engine is built.
"""

from __future__ import annotations

import importlib.util

from agents.engines.ray.settings import RaySettings

__all__ = ["RaySettings", "require_ray"]


def require_ray() -> None:
    """Check that Ray is installed, without importing it.

    Raises:
        ImportError: Naming the extra that is missing.
    """
    if importlib.util.find_spec("ray") is None:
        raise ImportError(
            'the engine "ray" needs ray, which is not installed; run `pip install "memory-envs[distributed]"`'
        )
