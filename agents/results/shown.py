"""What may be shown and published of a configuration: how a run was run, and nothing of the machine.

A run writes down everything, paths and addresses among it; what is not named here stays in its folder.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from agents.process.provenance import LIBRARIES
from agents.sb3.algorithm import find_algorithm
from memory_envs.registry.agents import AGENTS

_SETTINGS = (
    *("preset", "policy", "env", "env_kwargs", "num_envs", "total_timesteps", "seed", "trained_agent"),
    *("stop_at_success", "device", "num_threads", "checkpoint_every", "keep_snapshots", "log_every"),
    *("evaluation_episodes", "engine", "num_actors", "num_distillers", "queue_length", "lockstep"),
)
_SESSION = (
    *("started", "from_timesteps", "python", "git", "platform", "processor", "cores"),
    "beside",  # of a benchmark
)


def shown_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown of the settings of a run; a trained agent by its name alone."""
    shown = _chosen(settings, _SETTINGS)
    if isinstance(agent := shown.get("trained_agent"), str):
        shown["trained_agent"] = _name_of(agent)
    return shown


def shown_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown of the settings of an agent: all that agents of this version have.

    Teachers, which may be paths, are shown by their names alone.
    """
    shown = _chosen(config, _of_agents())
    if isinstance(teachers := shown.get("teachers"), (list, tuple)):
        shown["teachers"] = [_name_of(str(each)) for each in teachers]
    return shown


def shown_session(session: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may be shown of a session: versions, and what computed."""
    libraries = session.get("libraries")
    known = {"libraries": _chosen(libraries, LIBRARIES)} if isinstance(libraries, Mapping) else {}
    return _chosen(session, _SESSION) | known


def _chosen(values: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name in names}


@functools.cache
def _of_agents() -> tuple[str, ...]:
    kinds = [find_algorithm(agent).config_class for agent in AGENTS]
    return tuple(dict.fromkeys(field.name for kind in kinds for field in dataclasses.fields(kind)))


def _name_of(path: str) -> str:
    """A path below the working directory as it is, of others the name, and what tells equal names apart."""
    posix, windows = PurePosixPath(path), PureWindowsPath(path)
    outside = posix.is_absolute() or windows.drive or windows.root or {"..", "~"} & {*windows.parts}
    if not outside and not path.startswith("~"):
        return path
    return f"{windows.name} ({hashlib.sha256(path.encode(errors='replace')).hexdigest()[:8]})"
