"""Settings of agents that are trained in several tasks at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from agents.learning.settings import Settings, setting
from memory_envs.registry.envs import registered_id
from memory_envs.registry.json_text import MalformedJson, read_object


class NamedTask(NamedTuple):
    """An environment as a setting names it."""

    env_id: str
    settings: dict[str, Any]


def parsed(task: str) -> NamedTask:
    """Return the environment that an entry of the setting `tasks` names: an id, perhaps with settings.

    Raises:
        ValueError: What follows the id is no JSON object, or there is no id.
    """
    env_id, brace, further = task.partition("{")
    try:
        settings = read_object(brace + further) if brace else {}
    except MalformedJson as problem:
        raise ValueError(
            f"""tasks must be ids, or ids with settings as 'ID {{"size": 11}}', got {task!r}: {problem}"""
        ) from problem
    if not env_id.strip():
        raise ValueError(f"""tasks must be ids, or ids with settings as 'ID {{"size": 11}}', got {task!r}""")
    return NamedTask(registered_id(env_id.strip()), settings)


@dataclass(frozen=True)
class TaskSettings(Settings):
    """Which tasks share the lanes of a run."""

    tasks: tuple[str, ...] = setting(
        (),
        "environments that share the lanes, of equal spaces, each an id, or an id with its settings "
        """('MemoryEnvs/IMaze-v0 {"size": 11}'); none: --env alone. --env is the one that the run is """
        "evaluated in; unless given, the first",
        "ours",
        absent=(),
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: An entry names no environment, or there are two of one; says which.
        """
        super().__post_init__()
        known = [parsed(task) for task in self.tasks]
        self._require("tasks", all(known.count(each) == 1 for each in known), "environments, each once")
