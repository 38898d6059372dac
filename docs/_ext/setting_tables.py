"""The settings of the agents as tables: default, what it is, and where the default comes from."""

import dataclasses
from itertools import groupby
from typing import Any

from agents.runs.command_line import GROUPS
from agents.sb3.algorithm import find_algorithm
from memory_envs.registry.agents import AGENTS

TITLES = {
    "learner": "Acting and learning",
    "v_mpo": "V-MPO",
    "v_trace": "V-trace",
    "primal_dual": "Primal-dual",
    "distillation": "Distillation",
    "teaching": "Teachers",
}
"""Of the groups of `--help`, where an agent has settings of several."""


def table(class_name: str) -> str:
    """Return the settings of an agent, in the groups of `--help`.

    Raises:
        ValueError: No agent has settings of this class.
    """
    classes = config_classes()
    if class_name not in classes:
        raise ValueError(f"class must be one of {', '.join(classes)}, got {class_name!r}")
    fields = sorted(
        dataclasses.fields(classes[class_name]), key=lambda field: list(TITLES).index(_group(field))
    )
    groups = [(group, list(members)) for group, members in groupby(fields, _group)]
    tables = (
        (f"**{TITLES[group]}**\n\n" if len(groups) > 1 else "") + _table(members) for group, members in groups
    )
    return "\n".join(tables)


def config_classes() -> dict[str, Any]:
    """Return the classes of settings by name, those of every agent."""
    found = [find_algorithm(agent).config_class for agent in AGENTS]
    return {each.__name__: each for each in found}


def _group(field: dataclasses.Field[Any]) -> str:
    return next((group for group, names in GROUPS.items() if field.name in names), "learner")


def _table(fields: list[dataclasses.Field[Any]]) -> str:
    rows = [["setting", "default", "what it is", "where the default comes from"], ["---"] * 4]
    for field in fields:
        origin = field.metadata["origin"]
        rows.append([f"`{field.name}`", f"`{field.default!r}`", field.metadata["help"], origin])
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |\n" for row in rows)
