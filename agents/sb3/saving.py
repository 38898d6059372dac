"""A model as a file and back: plain data and tensors, no pickle.

The functions with a public name serve every agent; the others those that learn from unrolls.
"""

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

from agents.learning.settings import absent_settings
from agents.sb3 import checkpoint
from agents.sb3.base import AgentConfig, ConfiguredAlgorithm
from agents.sb3.spaces import space_from_json, space_to_json
from agents.vec_env.state import get_env_state, set_env_state

if TYPE_CHECKING:
    from agents.sb3.algorithm import UnrollAlgorithm

Model = TypeVar("Model", bound="UnrollAlgorithm")
Configured = TypeVar("Configured", bound=ConfiguredAlgorithm)

PARTS = ("replay", "environment")
COUNTERS = ("num_timesteps", "_total_timesteps", "_num_timesteps_at_start", "_episode_num", "_n_updates")


def save_model(model: UnrollAlgorithm, path: str | os.PathLike[str], exclude: Collection[str] = ()) -> None:
    """Write a model to `path`; see `UnrollAlgorithm.save`."""
    check_parts(exclude)
    tree = _tree(model)
    if "replay" not in exclude:
        tree["replay"] = model.replay.state_dict()
    if "environment" not in exclude and model.env is not None:
        tree["environment"] = get_env_state(model.env)
    checkpoint.save(with_suffix(path), tree)


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
    tree, path = read(path, device)
    check_kind(cls, tree, path, ("metrics", "learner", "distiller", "actor", *PARTS))
    given = {**(custom_objects or {}), **kwargs}
    model = rebuild(cls, tree, path, env, device, dict(given))
    _restore(model, tree)
    _change_rates(model, given)
    if force_reset:
        model.learner.core_state = None  # it is of episodes that end here
    else:
        _resume(model, tree, path)
    return model


def check_parts(names: Collection[str]) -> None:
    """Check names of parts to leave out.

    Raises:
        ValueError: There is no such part.
    """
    for part in names:
        if part not in PARTS:
            raise ValueError(f"exclude may name {', '.join(PARTS)}; got {part!r}")


def describe(model: ConfiguredAlgorithm) -> dict[str, Any]:
    """Return what every model consists of: how to build one like it, its policy, what it has counted."""
    return {
        "algorithm": type(model).__name__,
        "arguments": _arguments(model),
        "observation_space": space_to_json(model.observation_space),
        "action_space": space_to_json(model.action_space),
        "n_envs": model.n_envs,
        "counters": {name: getattr(model, name) for name in COUNTERS},
        "episodes": _episodes(model),
        "policy": model.policy.state_dict(),
    }


def _tree(model: UnrollAlgorithm) -> dict[str, Any]:
    """All that a model consists of, `PARTS` left empty."""
    return {
        **describe(model),
        "metrics": model._metrics.state_dict(),
        "learner": model.learner.state_dict(),
        "distiller": model.distiller and {"optimizer": model.policy.optimizer.state_dict()},
        "actor": model.actor.state_dict(),
        **dict.fromkeys(PARTS),
    }


def _arguments(model: ConfiguredAlgorithm) -> dict[str, Any]:
    plain = {name: value for name, value in model.policy_kwargs.items() if is_json_serializable(value)}
    return {
        "policy": type(model.policy).__name__,
        "config": model.config.to_dict(),
        "seed": model.seed,
        "stats_window_size": model._stats_window_size,
        "policy_kwargs": plain,
        "lost_policy_kwargs": sorted(set(model.policy_kwargs) - set(plain)),
    }


def _episodes(model: ConfiguredAlgorithm) -> dict[str, Any]:
    infos = [dict(info) for info in model.ep_info_buffer or ()]  # numpy scalars stay what they are
    return {"infos": infos, "successes": [float(success) for success in model.ep_success_buffer or ()]}


def check_kind(
    cls: type[ConfiguredAlgorithm], tree: Any, path: pathlib.Path, further: Collection[str]
) -> None:
    """Check that a file holds what `describe` returned for a model of a class, and `further` entries.

    Raises:
        CheckpointError: It does not.
    """
    found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
    if found != cls.__name__:
        raise checkpoint.CheckpointError(f"{path} holds no {cls.__name__} model but {found!r}")
    entries = "arguments observation_space action_space n_envs counters episodes policy"
    missing = [name for name in (*entries.split(), *further) if name not in tree]
    if missing:
        raise checkpoint.CheckpointError(
            f"{path} holds a {cls.__name__} model without its {', '.join(missing)}"
        )


def rebuild(
    cls: type[Configured],
    tree: Mapping[str, Any],
    path: pathlib.Path,
    env: GymEnv | None,
    device: torch.device | str,
    given: dict[str, Any],
) -> Configured:
    """Return a model as the saved one was when it was new.

    Args:
        cls: Its class.
        tree: What `describe` returned for it.
        path: The file, for errors.
        env: Its environments, or None.
        device: Where to put its networks.
        given: Arguments and settings that take the place of the saved ones.
    """
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
    kind: type[AgentConfig], saved: Mapping[str, Any], given: Collection[str], path: pathlib.Path
) -> AgentConfig:
    """The saved settings; what another version knew or lacked is no matter to guess at.

    Only settings that tell what their absence means (`agents.learning.settings`) may be missing.
    """
    saved = absent_settings(kind, saved) | dict(saved)
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


def _fill_in(cls: type[ConfiguredAlgorithm], given: dict[str, Any], arguments: Mapping[str, Any]) -> None:
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


def restore(model: ConfiguredAlgorithm, tree: Mapping[str, Any]) -> None:
    """Put back the policy and the counts that `describe` returned."""
    model.policy.load_state_dict(tree["policy"])
    for name, value in tree["counters"].items():
        setattr(model, name, value)
    model.ep_info_buffer = deque(tree["episodes"]["infos"], maxlen=model._stats_window_size)
    model.ep_success_buffer = deque(tree["episodes"]["successes"], maxlen=model._stats_window_size)


def _restore(model: UnrollAlgorithm, tree: Mapping[str, Any]) -> None:
    """What was learned and counted."""
    restore(model, tree)
    if tree["distiller"] is not None:
        model.policy.optimizer.load_state_dict(tree["distiller"]["optimizer"])
    model.learner.load_state_dict(tree["learner"])
    if tree["replay"] is not None:
        model.replay.load_state_dict(tree["replay"])
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
    resume_lanes(model, tree, path, tree["actor"]["observation"] is not None)
    if tree["actor"]["observation"] is not None:
        model.actor.load_state_dict(tree["actor"])
        model._last_obs = model.actor.last_observation()


def resume_lanes(
    model: ConfiguredAlgorithm, tree: Mapping[str, Any], path: pathlib.Path, begun: bool
) -> None:
    """Put the environments of a model into the middle of the saved episodes, if those had `begun`.

    Raises:
        ValueError: They cannot be put there, or are not as many.
    """
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
    if begun:
        set_env_state(model.env, tree["environment"])


def holds_environments(path: str | os.PathLike[str]) -> bool:
    """Return whether a model's file tells where its environments were, so that their episodes can go on.

    Raises:
        CheckpointError: The file is truncated, foreign or of a newer format.
        FileNotFoundError: There is no such file.
    """
    tree, _ = read(path, "cpu")
    return isinstance(tree, dict) and tree.get("environment") is not None


def read(path: str | os.PathLike[str], device: torch.device | str) -> tuple[Any, pathlib.Path]:
    """Return the content of a model's file, and its name with the suffix that it turned out to have."""
    path = pathlib.Path(path)
    path = path if path.exists() else with_suffix(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a model's file, in a run directory model.zip")
    return checkpoint.load(path, get_device(device)), path


def with_suffix(path: str | os.PathLike[str]) -> pathlib.Path:
    """Return `path`, with SB3's `.zip` if it has no suffix."""
    path = pathlib.Path(path)
    return path if path.suffix else path.with_suffix(".zip")
