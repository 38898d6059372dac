"""Whether the configuration of a run is that of the model beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.learning.settings import absent_settings
from agents.runs.options import Differences, in_words, unequal
from agents.sb3 import saving
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import ConfiguredAlgorithm
from memory_envs.registry.agents import AGENTS


def agent_of(tree: Any, path: Path) -> str:
    """Return the name of the agent whose model a file holds.

    Raises:
        ValueError: It holds none of the registry's.
    """
    classes = {row.entry_point.rpartition(":")[2]: row.name for row in AGENTS.values()}
    name = tree.get("algorithm") if isinstance(tree, dict) else None
    if not isinstance(name, str) or name not in classes:
        raise ValueError(f"{path} does not hold a model of {', '.join(classes)}")
    return classes[name]


def check_recorded(tree: Any, path: Path, config: Mapping[str, Any], config_path: Path) -> None:
    """Refuse a model of other settings than its run's configuration says.

    Settings that only one of the two has, as files of another version do, are not compared.

    Args:
        tree: The content of the model's file.
        path: That file.
        config: What `RunDirectory.read_config` returned.
        config_path: Where it did.

    Raises:
        CheckpointError: The file describes no model.
        ValueError: They differ; names the settings.
    """
    agent = agent_of(tree, path)
    kind = find_algorithm(agent)
    saving.check_kind(tree, kind.__name__, path)
    saving.check_description(tree, path)
    said = {"agent": config.get("agent"), **config.get("run", {})}
    found = {
        "agent": agent,
        "policy": _policy_name(kind, tree["arguments"]["policy"], said.get("policy")),
        "seed": tree["arguments"]["seed"],
        "num_envs": tree["n_envs"],
    }
    differing = _differences(said, found)
    if not differing:  # settings of two agents need not mean the same
        recorded, saved = config.get("config", {}), tree["arguments"]["config"]
        settings = kind.config_class
        differing = _differences(
            *(absent_settings(settings, each) | dict(each) for each in (recorded, saved))
        )
    if differing:
        raise ValueError(
            f"{config_path} contradicts {path}: {in_words(differing)}; one of them was changed, or belongs "
            "to another run"
        )


def _differences(said: Mapping[str, Any], found: Mapping[str, Any]) -> Differences:
    return unequal({name: (_plain(said[name]), _plain(each)) for name, each in found.items() if name in said})


def _plain(value: Any) -> Any:
    """As it comes back from JSON, which knows no tuples."""
    return list(value) if isinstance(value, tuple) else value


def _policy_name(kind: type[ConfiguredAlgorithm], class_name: str, said: Any) -> str:
    """What the agent calls a policy class: as the configuration does, if it means the same."""
    names = [name for name, policy in kind.policy_aliases.items() if policy.__name__ == class_name]
    return said if said in names else next(iter(names), class_name)
