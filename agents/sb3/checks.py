"""Checks of the arguments of an agent, made before anything is built."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from gymnasium import spaces
from gymnasium.vector import VectorEnv

from agents.engines.ray import RaySettings, import_ray
from registry.lookup import did_you_mean

Env = TypeVar("Env")


def checked_env(env: Env) -> Env:
    """Return `env`, an environment in any form that SB3 takes.

    Raises:
        TypeError: It is a `gymnasium.vector.VectorEnv`, which SB3 takes for a single environment.
    """
    if isinstance(env, VectorEnv):
        raise TypeError(f"env is a gymnasium {type(env).__name__}: wrap it in agents.vec_env.GymnasiumVecEnv")
    return env


def check_spaces(agent: str, observation_space: spaces.Space, action_space: spaces.Space) -> None:
    """Check that actions are Discrete from 0 and observations Box or Dict.

    Raises:
        ValueError: They are not.
    """
    if not isinstance(action_space, spaces.Discrete) or action_space.start != 0:
        raise ValueError(f"{agent} takes actions of a Discrete space that starts at 0, got {action_space}")
    if not isinstance(observation_space, (spaces.Box, spaces.Dict)):
        raise ValueError(f"{agent} takes observations of a Box or a Dict space, got {observation_space}")


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
