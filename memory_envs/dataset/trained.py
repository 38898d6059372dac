"""Trained actors as policies, from a package that this one does not import: it is named in the registry."""

import importlib
from collections.abc import Mapping
from typing import Any

from memory_envs.extras import not_installed
from memory_envs.policies import Policy
from memory_envs.registry.agents import TRAINED_POLICY


def trained_policy(source: str, *, seed: int, deterministic: bool) -> tuple[Policy, str, Mapping[str, Any]]:
    """Load an actor that was trained.

    Args:
        source: Name of an actor that ships, or path of a run or of a model file.
        seed: Of sampled actions.
        deterministic: Whether it takes greedy actions instead of sampled ones.

    Returns:
        The policy, and id and settings of the environment it was trained in.

    Raises:
        ImportError: The agents are not installed; names the extra.
        ValueError, FileNotFoundError: There is no such actor.
    """
    module, _, name = TRAINED_POLICY.partition(":")
    try:
        load = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as missing:
        raise ImportError(not_installed("a trained actor", str(missing.name), "agents")) from missing
    found: tuple[Policy, str, Mapping[str, Any]] = load(source, seed=seed, deterministic=deterministic)
    return found
