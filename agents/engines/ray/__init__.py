"""Actors, learner and distillers in processes of their own, on one machine or many, with Ray in between.

Only the settings are imported here: Ray itself is imported once an engine is asked for.
"""

from __future__ import annotations

from agents.engines.ray.environment import variables
from agents.engines.ray.settings import RaySettings
from agents.process.extras import require

__all__ = ["RaySettings", "import_ray"]


def import_ray(settings: RaySettings) -> None:
    """Import Ray, which decides then which network interfaces a cluster on this machine would listen on.

    Raises:
        ImportError: Naming the extra that is missing.
    """
    with variables(settings):
        require("ray", "the Ray engine")
