"""From an environment id to environments: many lanes to train in, or one to watch."""

from __future__ import annotations

import functools
import importlib
import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.preprocessing import is_image_space, is_image_space_channels_first
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecTransposeImage

import memory_envs  # noqa: F401  (registers the ids)
from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.remote import RemoteLanes
from memory_envs.registry.envs import ENVS, registered_id

_TRUST_FLAG = "--trust-env-module"


class UntrustedModule(ValueError):
    """A file names an environment by a module that would be imported, and nobody said that it may be."""


def make_lanes(env_id: str, num_envs: int, env_kwargs: Mapping[str, Any] | None = None) -> VecEnv:
    """Make `num_envs` lanes of an environment, with episode statistics.

    Ids of this package run in their own compiled vector environment, any other id in SB3's `DummyVecEnv`.

    Args:
        env_id: A registered id, or "module:id" to import a module that registers it.
        num_envs: Lanes.
        env_kwargs: Settings of the environment.

    Raises:
        gymnasium.error.Error: There is no such id.
        ValueError, TypeError: The environment refuses a setting.
    """
    name, settings = resolve_id(env_id), dict(env_kwargs or {})
    if not is_native(name):
        return make_vec_env(name, num_envs, env_kwargs=settings)
    lanes = gymnasium.make_vec(name, num_envs=num_envs, autoreset_mode=AutoresetMode.SAME_STEP, **settings)
    return VecMonitor(GymnasiumVecEnv(lanes))


def told(env_id: str, env_kwargs: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return settings with which the infos of an environment of this package tell `names`, too.

    Args:
        env_id: An id; for any other environment the settings stay as they are.
        env_kwargs: Settings.
        names: Among what `analysis` may name.
    """
    asked = env_kwargs.get("analysis", False)
    already = asked if isinstance(asked, (list, tuple)) else ()
    # Whatever else was asked for tells all, or is for the environment to refuse.
    may_ask = asked is False or asked is already
    if not names or not may_ask or not is_native(resolve_id(env_id)):
        return dict(env_kwargs)
    return {**env_kwargs, "analysis": [*already, *(name for name in names if name not in already)]}


def told_targets(env_id: str, env_kwargs: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return settings with which infos tell memory targets, if an environment of this package has them.

    Args:
        env_id: An id; for any other environment the settings stay as they are.
        env_kwargs: Settings.
        names: Of targets. Those that the environment does not have are left for the agent to refuse.

    Raises:
        ValueError, TypeError: The environment refuses a setting.
    """
    if not names or not is_native(resolve_id(env_id)):
        return dict(env_kwargs)
    offered = _attribute(env_id, env_kwargs, "memory_target_spaces")
    return told(env_id, env_kwargs, *(name for name in names if name in offered))


def shown_privileged(env_id: str, env_kwargs: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return settings with which observations have privileged parts, if an environment of this package does.

    Args:
        env_id: An id; for any other environment the settings stay as they are.
        env_kwargs: Settings.
        names: Of parts; the environment refuses those that it does not have.

    Raises:
        ValueError, TypeError: The environment refuses a setting.
    """
    if not names or not is_native(resolve_id(env_id)):
        return dict(env_kwargs)
    shown = _attribute(env_id, env_kwargs, "privileged")
    return {**env_kwargs, "privileged": [*shown, *(name for name in names if name not in shown)]}


def _attribute(env_id: str, env_kwargs: Mapping[str, Any], name: str) -> Any:
    """What an environment with these settings has by this name."""
    with closing(make_single(env_id, env_kwargs)) as env:
        return env.get_wrapper_attr(name)


def make_remote_lanes(env_id: str, num_envs: int, env_kwargs: Mapping[str, Any] | None = None) -> RemoteLanes:
    """The lanes of `make_lanes`, for the workers of the Ray engine to make; arguments and errors as there."""
    return RemoteLanes(functools.partial(make_lanes, env_id, env_kwargs=dict(env_kwargs or {})), num_envs)


def make_single(
    env_id: str, env_kwargs: Mapping[str, Any] | None = None, render_mode: str | None = None
) -> gymnasium.Env[Any, Any]:
    """Make one environment, to be watched or recorded; arguments and errors as for `make_lanes`."""
    # Not all know the word.
    rendering: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    return gymnasium.make(resolve_id(env_id), **rendering, **dict(env_kwargs or {}))


def trained_space(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Return what SB3 makes of a space for training: pictures have their channels first, in a Dict, too."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: trained_space(part) for key, part in space.items()})
    if is_image_space(space) and not is_image_space_channels_first(space):  # type: ignore[arg-type]
        return VecTransposeImage.transpose_space(space)  # type: ignore[arg-type]
    return space


def is_native(env_id: str) -> bool:
    """Return whether an id names an environment of this package."""
    return registered_id(env_id) in {row.id for row in ENVS}


def id_from_file(env_id: Any, file: str | os.PathLike[str], trust_env_module: bool = False) -> str:
    """Return an id that a file names, once it is known that making it imports no code of the file's choice.

    Args:
        env_id: What the file names.
        file: For the error.
        trust_env_module: Whether somebody asked for the module of a "module:id".

    Raises:
        UntrustedModule: It is a "module:id" of a module other than this package, and nobody did.
        ValueError: It is no id at all.
    """
    if not isinstance(env_id, str):
        raise ValueError(f"{os.fspath(file)} names no environment: its env must be an id, got {env_id!r:.80}")
    module = _foreign_module(env_id)
    if module and not trust_env_module:
        raise UntrustedModule(
            f"{os.fspath(file)} names the environment {env_id!r:.200}, for which the module {module!r:.100} "
            f"would be imported: if you trust it, say {_TRUST_FLAG} (in Python: trust_env_module=True)"
        )
    return env_id


def trust_flag(env_id: str) -> str:
    """Return what to put behind a command that reads a folder with this id: the flag with which it does."""
    return f" {_TRUST_FLAG}" if _foreign_module(env_id) else ""


def _foreign_module(env_id: str) -> str:
    """The module that making an environment imports, unless it is this package."""
    return registered_id(env_id).rpartition(":")[0]


def resolve_id(env_id: str) -> str:
    """Import the module of a "module:id", check that the id is registered, and return it alone.

    One of this package's ids comes back as `memory_envs.registry.envs.registered_id` has it.

    Raises:
        gymnasium.error.Error: There is no such id; suggests similar ones.
        ModuleNotFoundError: There is no such module.
    """
    module, _, name = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    gymnasium.spec(name)
    return registered_id(name)
