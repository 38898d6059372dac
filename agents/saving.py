"""A model as a file and back: plain data and tensors, no pickle."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections import deque
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from stable_baselines3.common.save_util import is_json_serializable
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.utils import check_for_correct_spaces, get_device, get_system_info

from agents import checkpoint
from agents.config import LearnerConfig
from agents.env_state import get_env_state, set_env_state
from agents.spaces import space_from_json, space_to_json

if TYPE_CHECKING:
    from agents.algorithm import UnrollAlgorithm

Model = TypeVar("Model", bound="UnrollAlgorithm")

PARTS = ("replay", "environment")
COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")


def save_model(model: UnrollAlgorithm, path: str | os.PathLike[str], exclude: Collection[str] = ()) -> None:
    """Write a model to `path`; see `UnrollAlgorithm.save`."""
    for part in exclude:
        if part not in PARTS:
            raise ValueError(f"exclude may name {', '.join(PARTS)}; got {part!r}")
    tree = _tree(model)
    if "replay" not in exclude:
        tree["replay"] = model.replay.state_dict()
    if "environment" not in exclude and model.env is not None:
        tree["environment"] = get_env_state(model.env)
    checkpoint.save(_with_suffix(path), tree)


def load_model(
    cls: type[Model],
    path: str | os.PathLike[str],
    env: GymEnv | None,
    device: torch.device | str,
    custom_objects: Mapping[str, Any] | None,
    print_system_info: bool,
    force_reset: bool,
    **kwargs: Any,
) -> Model:
    """Read a model from `path`; see `UnrollAlgorithm.load`."""
    if print_system_info:
        get_system_info()
    path = pathlib.Path(path)
    path = path if path.exists() else _with_suffix(path)
    tree = checkpoint.load(path, get_device(device))
    _check_kind(cls, tree, path)
    given = {**(custom_objects or {}), **kwargs}
    model = _rebuild(cls, tree, path, env, device, dict(given))
    _restore(model, tree)
    _change_rates(model, given)
    if force_reset:
        model.learner.core_state = None  # it is of episodes that end here
    else:
        _resume(model, tree, path)
    return model


def _tree(model: UnrollAlgorithm) -> dict[str, Any]:
    """All that a model consists of, `PARTS` left empty."""
    return {
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
        "distiller": model.distiller and {"optimizer": model.policy.optimizer.state_dict()},
        "actor": model.actor.state_dict(),
        **dict.fromkeys(PARTS),
    }


def _arguments(model: UnrollAlgorithm) -> dict[str, Any]:
    plain = {name: value for name, value in model.policy_kwargs.items() if is_json_serializable(value)}
    return {
        "policy": type(model.policy).__name__,
        "config": model.config.to_dict(),
        "seed": model.seed,
        "stats_window_size": model._stats_window_size,
        "policy_kwargs": plain,
        "lost_policy_kwargs": sorted(set(model.policy_kwargs) - set(plain)),
    }


def _episodes(model: UnrollAlgorithm) -> dict[str, Any]:
    infos = [dict(info) for info in model.ep_info_buffer or ()]  # numpy scalars stay what they are
    return {"infos": infos, "successes": [float(success) for success in model.ep_success_buffer or ()]}


def _check_kind(cls: type[UnrollAlgorithm], tree: Any, path: pathlib.Path) -> None:
    found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
    if found != cls.__name__:
        raise checkpoint.CheckpointError(f"{path} holds no {cls.__name__} model but {found!r}")
    entries = (
        "arguments observation_space action_space n_envs counters episodes metrics policy learner distiller"
    )
    missing = [name for name in (*entries.split(), "actor", *PARTS) if name not in tree]
    if missing:
        raise checkpoint.CheckpointError(
            f"{path} holds a {cls.__name__} model without its {', '.join(missing)}"
        )


def _rebuild(
    cls: type[Model],
    tree: Mapping[str, Any],
    path: pathlib.Path,
    env: GymEnv | None,
    device: torch.device | str,
    given: dict[str, Any],
) -> Model:
    """A model as the saved one was when it was new."""
    arguments = tree["arguments"]
    config = _config(cls.config_class, arguments["config"], given, path)
    _fill_in(cls, given, arguments)
    model = cls(given.pop("policy"), env, config, device=device, _init_setup_model=False, **given)
    spaces = space_from_json(tree["observation_space"]), space_from_json(tree["action_space"])
    if model.env is None:
        model.n_envs = tree["n_envs"]
    else:
        check_for_correct_spaces(model.env, *spaces)
    model.observation_space, model.action_space = spaces
    model._setup_model()
    return model


def _config(
    kind: type[LearnerConfig], saved: Mapping[str, Any], given: Collection[str], path: pathlib.Path
) -> LearnerConfig:
    """The saved settings; what another version knew or lacked is no matter to guess at."""
    names = {field.name for field in dataclasses.fields(kind)}
    unknown, missing = sorted(set(saved) - names), sorted(names - set(saved) - set(given))
    if unknown:
        raise checkpoint.CheckpointError(
            f"{path} is of another version: it has the settings {', '.join(unknown)}, which this one lacks"
        )
    if missing:
        raise checkpoint.CheckpointError(
            f"{path} is of another version, without the settings {', '.join(missing)}: pass them to load()"
        )
    return kind(**saved)


def _fill_in(cls: type[UnrollAlgorithm], given: dict[str, Any], arguments: Mapping[str, Any]) -> None:
    """Add the saved arguments that were not given, unless they are code, which no file holds."""
    ours = {policy.__name__: policy for policy in cls.policy_aliases.values()}
    if "policy" not in given and arguments["policy"] not in ours:
        raise ValueError(f"the model has a policy of your own: pass policy={arguments['policy']} to load()")
    lost = [name for name in arguments["lost_policy_kwargs"] if name not in given.get("policy_kwargs", ())]
    if lost:
        raise ValueError(
            f"the model has policy_kwargs that are code and so are not in the file: {', '.join(lost)}; "
            "pass the complete policy_kwargs to load()"
        )
    given.setdefault("policy", ours.get(arguments["policy"]))
    for name in ("policy_kwargs", "seed", "stats_window_size"):
        given.setdefault(name, arguments[name])


def _restore(model: UnrollAlgorithm, tree: Mapping[str, Any]) -> None:
    """What was learned and counted."""
    model.policy.load_state_dict(tree["policy"])
    if tree["distiller"] is not None:
        model.policy.optimizer.load_state_dict(tree["distiller"]["optimizer"])
    model.learner.load_state_dict(tree["learner"])
    if tree["replay"] is not None:
        model.replay.load_state_dict(tree["replay"])
    for name, value in tree["counters"].items():
        setattr(model, name, value)
    model.ep_info_buffer = deque(tree["episodes"]["infos"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(tree["episodes"]["successes"], maxlen=model._stats_window_size)
    model._metrics.load_state_dict(tree["metrics"])
    model.actor.generator.set_state(tree["actor"]["generator"].cpu())


def _change_rates(model: UnrollAlgorithm, given: Collection[str]) -> None:
    """Learning rates that were given take the place of those in the saved states of the optimizers."""
    for name, optimizer in model.optimizers().items():
        if name in given:
            for group in optimizer.param_groups:
                group["lr"] = getattr(model.config, name)


def _resume(model: UnrollAlgorithm, tree: Mapping[str, Any], path: pathlib.Path) -> None:
    """The middle of the saved episodes, if they had begun."""
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
    if tree["actor"]["observation"] is None:
        return
    set_env_state(model.env, tree["environment"])
    model.actor.load_state_dict(tree["actor"])
    model._last_obs = model.actor.last_observation()


def _with_suffix(path: str | os.PathLike[str]) -> pathlib.Path:
    path = pathlib.Path(path)
    return path if path.suffix else path.with_suffix(".zip")
