"""Checks of the arguments of an agent, made before anything is built."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import maybe_make_env

from agents.engines.ray import RaySettings, import_ray
from agents.sb3.configuration import SB3_NAMES
from memory_envs.registry.lookup import in_words, nearest


def checked_env(agent: str, env: Any, verbose: int = 0) -> Any:
    """Return `env`, an environment in any form that SB3 takes, made if it was an id.

    Here, because SB3 refuses some of these with assertions, or when it first reads an observation.

    Raises:
        TypeError: It is a `gymnasium.vector.VectorEnv`, which SB3 takes for a single environment.
        ValueError: Its observations cannot be preprocessed.
    """
    if isinstance(env, VectorEnv):
        raise TypeError(f"env is a gymnasium {type(env).__name__}: wrap it in agents.vec_env.GymnasiumVecEnv")
    env = maybe_make_env(env, verbose)
    if env is not None:
        check_observations(agent, env.observation_space)
    return env


def check_observations(agent: str, space: spaces.Space) -> None:
    """Check that observations are of a kind that SB3 preprocesses.

    A Dict inside another space is left to SB3, which has words for it.

    Raises:
        ValueError: They are not; names the space, and its key in a Dict.
    """
    parts = space.items() if isinstance(space, spaces.Dict) else [(None, space)]
    for key, part in parts:
        if not _is_served(part) and not (key is not None and isinstance(part, (spaces.Dict, spaces.Tuple))):
            got = part if key is None else f"{key!r} of {part}"
            raise ValueError(
                f"{agent} takes observations of Box and MultiBinary spaces, of Discrete and MultiDiscrete "
                f"ones that count from 0 in one row, and of a Dict of these, got {got}"
            )


def _is_served(space: spaces.Space) -> bool:
    if isinstance(space, spaces.Discrete):
        return space.start == 0
    if isinstance(space, spaces.MultiDiscrete):
        return space.nvec.ndim == 1 and not np.any(space.start)
    return isinstance(space, (spaces.Box, spaces.MultiBinary))


def check_are_named(policy_kwargs: Any) -> None:
    """Check that arguments of a policy are a dictionary.

    Raises:
        TypeError: They are not.
    """
    if not isinstance(policy_kwargs, Mapping):
        raise TypeError(f"policy_kwargs must be a dictionary, got {type(policy_kwargs).__name__}")


def check_policy_kwargs(
    agent: str, policy: type[Any], policy_kwargs: Any, sizes: Mapping[str, str], settings: Collection[str]
) -> None:
    """Check that a policy takes its arguments, and that none of them is a setting of its agent.

    Args:
        agent: Name of the agent's class, for errors.
        policy: The class of policies.
        policy_kwargs: Its arguments.
        sizes: Those that come from settings, by name, to the names of the settings.
        settings: Names of all settings of the agent.

    Raises:
        ValueError: There is one that is a setting.
        TypeError: There is one that the policy does not take, or they are no dictionary.
    """
    check_are_named(policy_kwargs)
    taken = accepted_arguments(policy)
    for name, value in policy_kwargs.items():
        if name in sizes:
            way = f"{agent}(..., {sizes[name]}={value!r:.20})"
            raise ValueError(f"policy_kwargs must not hold {name!r}, which is a setting: {way}")
        if name not in taken:
            own = [each for each in taken if each not in sizes]
            hint = _hint(agent, name, value, own, settings)
            raise TypeError(f"policy_kwargs: {policy.__name__} takes no {name!r}{hint}")


def _hint(agent: str, name: object, value: Any, own: Iterable[str], settings: Collection[str]) -> str:
    """What to put behind an argument that a policy does not take: which one, or which setting, was meant."""
    if name in settings:
        return f", which is a setting: {agent}(..., {name}={value!r:.20})"
    near = nearest(name, [*own, *settings], SB3_NAMES)
    if near and near[0] in settings:
        return f", did you mean the setting {near[0]!r}? ({agent}(..., {near[0]}={value!r:.20}))"
    return in_words(near)


def accepted_arguments(policy: type[Any]) -> dict[str, Any]:
    """Return the arguments that a class of policies takes or passes on, and their defaults."""
    found: dict[str, Any] = {}
    for kind in policy.__mro__:
        if "__init__" not in vars(kind):
            continue
        _, *parameters = inspect.signature(vars(kind)["__init__"]).parameters.values()
        passed_on = [each for each in parameters if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        found = {each.name: each.default for each in parameters if each not in passed_on} | found
        if not any(each.kind is each.VAR_KEYWORD for each in passed_on):
            break
    return found


def check_engine(agent: str, engines: tuple[str, ...], engine: RaySettings | None) -> None:
    """Check that an agent can run on the Ray engine, if it is asked to.

    Raises:
        ValueError: It cannot.
        ImportError: Ray is not installed.
    """
    if engine is None:
        return
    if "ray" not in engines:
        raise ValueError(
            f"{agent} runs on the {', '.join(engines)} engine only: the Ray engine is for agents whose actor "
            "is distilled from the learner"
        )
    import_ray(engine)
