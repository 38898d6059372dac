"""An ALD model as a file and back: plain data and tensors, no pickle."""

from __future__ import annotations

import os
import pathlib
from collections import deque
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import torch
from stable_baselines3.common.save_util import is_json_serializable
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.utils import check_for_correct_spaces, get_system_info

from agents import checkpoint
from agents.ald.config import ALDConfig
from agents.env_state import get_env_state, set_env_state
from agents.spaces import space_from_json, space_to_json

if TYPE_CHECKING:
    from agents.ald.algorithm import ALD

PARTS = ("replay", "environment")
COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")


def save_model(model: ALD, path: str | os.PathLike[str], exclude: Collection[str] = ()) -> None:
    """Write a model to `path`; see `ALD.save`."""
    for part in exclude:
        if part not in PARTS:
            raise ValueError(f"exclude may name {', '.join(PARTS)}; got {part!r}")
    environment = None if "environment" in exclude or model.env is None else get_env_state(model.env)
    checkpoint.save(
        _with_suffix(path),
        {
            "algorithm": type(model).__name__,
            "arguments": _arguments(model),
            "observation_space": space_to_json(model.observation_space),
            "action_space": space_to_json(model.action_space),
            "n_envs": model.n_envs,
            "counters": {name: getattr(model, name) for name in COUNTERS},
            "episodes": _episodes(model),
            "metrics": model._metrics.state_dict(),
            "policy": model.policy.state_dict(),
            "learner": model.learner.state_dict(),
            "distiller": {"optimizer": model.policy.optimizer.state_dict()},
            "replay": None if "replay" in exclude else model.replay.state_dict(),
            "actor": model.actor.state_dict(),
            "environment": environment,
        },
    )


def load_model(
    cls: type[ALD],
    path: str | os.PathLike[str],
    env: GymEnv | None,
    device: torch.device | str,
    custom_objects: Mapping[str, Any] | None,
    print_system_info: bool,
    force_reset: bool,
    **kwargs: Any,
) -> ALD:
    """Read a model from `path`; see `ALD.load`."""
    if print_system_info:
        get_system_info()
    path = pathlib.Path(path)
    tree = checkpoint.load(path if path.exists() else _with_suffix(path))
    if not isinstance(tree, dict) or tree.get("algorithm") != cls.__name__:
        found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
        raise checkpoint.CheckpointError(f"{path} holds no {cls.__name__} model but {found!r}")
    model = _rebuild(cls, tree, env, device, dict(custom_objects or {}), kwargs)
    _restore(model, tree)
    if not force_reset:
        _resume(model, tree, path)
    return model


def _arguments(model: ALD) -> dict[str, Any]:
    plain = {name: value for name, value in model.policy_kwargs.items() if is_json_serializable(value)}
    return {
        "policy": type(model.policy).__name__,
        "config": model.config.to_dict(),
        "seed": model.seed,
        "stats_window_size": model._stats_window_size,
        "policy_kwargs": plain,
        "lost_policy_kwargs": sorted(set(model.policy_kwargs) - set(plain)),
    }


def _episodes(model: ALD) -> dict[str, Any]:
    infos = [dict(info) for info in model.ep_info_buffer or ()]  # numpy scalars stay what they are
    return {"infos": infos, "successes": [float(success) for success in model.ep_success_buffer or ()]}


def _rebuild(
    cls: type[ALD],
    tree: Mapping[str, Any],
    env: GymEnv | None,
    device: torch.device | str,
    custom: dict[str, Any],
    kwargs: dict[str, Any],
) -> ALD:
    arguments = tree["arguments"]
    given = {**custom, **kwargs}
    policy_kwargs = given.pop("policy_kwargs", arguments["policy_kwargs"])
    missing = [name for name in arguments["lost_policy_kwargs"] if name not in policy_kwargs]
    if missing:
        raise ValueError(
            "the model was built with policy_kwargs that are code and so are not in the file: "
            f"{', '.join(missing)}; pass the complete policy_kwargs to load()"
        )
    for name in ("seed", "stats_window_size"):
        given.setdefault(name, arguments[name])
    model = cls(
        given.pop("policy", "LstmPolicy"),
        env,
        ALDConfig(**arguments["config"]),
        policy_kwargs=policy_kwargs,
        device=device,
        _init_setup_model=False,
        **given,
    )
    spaces = space_from_json(tree["observation_space"]), space_from_json(tree["action_space"])
    if model.env is None:
        model.n_envs = tree["n_envs"]
    else:
        check_for_correct_spaces(model.env, *spaces)
    model.observation_space, model.action_space = spaces
    model._setup_model()
    return model


def _restore(model: ALD, tree: Mapping[str, Any]) -> None:
    model.policy.load_state_dict(tree["policy"])
    model.policy.optimizer.load_state_dict(tree["distiller"]["optimizer"])
    model.learner.load_state_dict(tree["learner"])
    if tree["replay"] is not None:
        model.replay.load_state_dict(tree["replay"])
    for name, value in tree["counters"].items():
        setattr(model, name, value)
    model.ep_info_buffer = deque(tree["episodes"]["infos"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(tree["episodes"]["successes"], maxlen=model._stats_window_size)
    model._metrics.load_state_dict(tree["metrics"])
    model.actor.generator.set_state(tree["actor"]["generator"])
    model.learner.core_state = None  # of episodes that are not gone on with, unless _resume says so


def _resume(model: ALD, tree: Mapping[str, Any], path: pathlib.Path) -> None:
    if model.env is None or model.n_envs != tree["n_envs"]:
        raise ValueError(
            f"force_reset=False goes on inside the {tree['n_envs']} saved lanes: pass an env with as many, "
            f"got {'none' if model.env is None else model.n_envs}"
        )
    if tree["environment"] is None:
        raise ValueError(
            f"{path} holds no state of its environments, so their episodes cannot be gone on with: "
            "load it with force_reset=True to start new ones"
        )
    set_env_state(model.env, tree["environment"])
    model.actor.load_state_dict(tree["actor"])
    model.learner.load_state_dict(tree["learner"])
    model._last_obs = model.actor.last_observation()


def _with_suffix(path: str | os.PathLike[str]) -> pathlib.Path:
    path = pathlib.Path(path)
    return path if path.suffix else path.with_suffix(".zip")
