"""Checks of the arguments of an agent, made before anything is built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import maybe_make_env

from agents.engines.ray import RaySettings, import_ray
from memory_envs.registry.lookup import did_you_mean


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


def check_actions(agent: str, space: spaces.Space) -> None:
    """Check that actions are Discrete from 0.

    Raises:
        ValueError: They are not.
    """
    if not isinstance(space, spaces.Discrete) or space.start != 0:
        raise ValueError(f"{agent} takes actions of a Discrete space that starts at 0, got {space}")


def check_policy_kwargs(policy: type[Any], policy_kwargs: Any) -> None:
    """Check that a policy takes its arguments.

    Raises:
        TypeError: There is one that it does not take, or they are no dictionary.
    """
    if not isinstance(policy_kwargs, Mapping):
        raise TypeError(f"policy_kwargs must be a dictionary, got {type(policy_kwargs).__name__}")
    taken = accepted_arguments(policy)
    for name in policy_kwargs:
        if name not in taken:
            hint = did_you_mean(str(name), taken)
            raise TypeError(f"policy_kwargs: {policy.__name__} takes no {name!r}{hint}")


def accepted_arguments(policy: type[Any]) -> dict[str, Any]:
    """Return the arguments that a class of policies takes or passes on, and their defaults."""
    found: dict[str, Any] = {}
    for kind in policy.__mro__:
        if "__init__" not in vars(kind):
            continue
        parameters = inspect.signature(vars(kind)["__init__"]).parameters
        found = {name: each.default for name, each in parameters.items()} | found
        if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
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
