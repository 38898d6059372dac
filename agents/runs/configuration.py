"""What is known of a run, as files say it: every part is of its kind before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.runs.settings import RunSettings
from agents.sb3.algorithm import find_algorithm
from memory_envs.registry.agents import AGENTS
from memory_envs.registry.json_text import build, check_known, read_file, read_object
from memory_envs.registry.limits import MAX_LANES, MAX_PROCESSES

_LIMITS = {
    "num_envs": MAX_LANES,
    **dict.fromkeys(("num_threads", "num_actors", "num_distillers"), MAX_PROCESSES),
}


def read_configuration(path: Path) -> dict[str, Any]:
    """Return the content of a config.json. Parts and settings may be missing, as in files of other versions.

    Raises:
        ValueError: The file is no JSON object, or a part of it is of another kind; names its place.
        OSError: It cannot be read.
    """
    content = read_file(path)
    if "run" in content:
        check_settings(content["run"], f"{path}: run")
    if "config" in content:
        check_agent(content.get("agent"), content["config"], str(path))
    if "sessions" in content:
        for number, session in enumerate(build(list[Any], content["sessions"], f"{path}: sessions")):
            check_session(session, f"{path}: sessions/{number}")
    return content


def check_settings(settings: Any, place: str) -> None:
    """Check the settings of a run that are not the agent's.

    Raises:
        ValueError: One is of another kind; names its place.
    """
    build(dict[str, Any], settings, place)
    check_known(RunSettings, settings, place)
    for name, limit in _LIMITS.items():
        if (value := settings.get(name)) is not None and value > limit:
            raise ValueError(f"{place}/{name} must be at most {limit}, got {value}")
    try:
        read_object(settings.get("env_kwargs", "{}"))
    except ValueError as problem:
        raise ValueError(f"{place}/env_kwargs: {problem}") from problem


def check_agent(agent: Any, config: Any, place: str) -> None:
    """Check the name of an agent, and its settings if this version has the agent.

    Raises:
        ValueError: One is of another kind; names its place.
    """
    build(str, agent, f"{place}: agent")
    build(dict[str, Any], config, f"{place}: config")
    if agent in AGENTS:
        check_known(find_algorithm(agent).config_class, config, f"{place}: config")


def check_session(session: Any, place: str) -> None:
    """Check what a session of a run was made with.

    Raises:
        ValueError: It is of another kind; names its place.
    """
    build(dict[str, Any], session, place)
    build(dict[str, str | None], session.get("libraries", {}), f"{place}/libraries")


def env_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments of the environment, of settings that were checked."""
    return read_object(settings.get("env_kwargs", "{}"))
