"""What SB3's users may leave out of a file, replace when they load it, and exchange between models."""

from __future__ import annotations

import dataclasses
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.save_util import recursive_getattr

from agents.sb3.fitting import fit, optimizer_state
from memory_envs.registry.lookup import did_you_mean

# Arguments that a file may lack, and what they are then; files from before they were kept lack the last two.
ABSENT_ARGUMENTS: dict[str, Any] = {
    "seed": None,
    "stats_window_size": 100,
    "verbose": 0,
    "tensorboard_log": None,
}
# SB3's names of what goes by another one in a file.
_ALIASES = {"replay_buffer": "replay", "env": "environment", "_stats_window_size": "stats_window_size"}
_EPISODES = {"ep_info_buffer": "infos", "ep_success_buffer": "successes"}
# Arguments that `custom_objects` may replace beside settings, by the names that SB3 has for them.
_CUSTOM = {
    "policy": "policy",
    "policy_class": "policy",
    "policy_kwargs": "policy_kwargs",
    "_stats_window_size": "stats_window_size",
    **{name: name for name in ABSENT_ARGUMENTS},
}


def checked_names(
    argument: str, names: Iterable[str] | None, model: Any, tree: Mapping[str, Any]
) -> set[str]:
    """Return the names in `exclude` or `include`, by which a file calls what they name.

    Named may be what `without` knows, and as in SB3 any other attribute of the model, which no file holds.

    Args:
        argument: "exclude" or "include".
        names: What was passed.
        model: Has the attributes.
        tree: The content of the file. What the model is made of cannot be left out of it.

    Raises:
        TypeError: It is a single string.
        ValueError: There is nothing of a name, or the file must hold it.
    """
    if isinstance(names, str):
        raise TypeError(f"{argument} must be names, got the string {names!r}")
    arguments, counters = (*ABSENT_ARGUMENTS, "policy_kwargs"), (*tree["counters"], *_EPISODES)
    served = ("replay", "environment", *arguments, *counters, *tree["arguments"]["config"])
    no_part = {"policy", *model._excluded_save_params(), *vars(model), *dir(type(model))}
    no_part -= {"config", *(tree.keys() - {"policy"})}
    found = {_ALIASES.get(name, name) for name in names or ()}
    for name in sorted(found.difference(served, no_part), key=str):
        hint = did_you_mean(str(name), served)
        raise ValueError(
            f"{argument} must be among replay, environment, {', '.join(arguments)}, the settings and other "
            f"attributes of the model, got {name!r}{hint}"
        )
    return found


def without(tree: dict[str, Any], names: set[str], config_class: type[Any]) -> dict[str, Any]:
    """Return the content of a file with some of it left out, so that a loaded model has the defaults.

    Args:
        tree: The content; stays as it is.
        names: Of parts of the state, arguments, settings, counters and statistics. Others have no effect.
        config_class: Of the settings, whose defaults are needed.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(config_class)}
    arguments = tree["arguments"]
    settings = {name: defaults[name] for name in names & defaults.keys()}
    changed = {name: ABSENT_ARGUMENTS[name] for name in names & ABSENT_ARGUMENTS.keys()}
    if "policy_kwargs" in names:
        lost = {*arguments["policy_kwargs"], *arguments["lost_policy_kwargs"]}
        changed |= {"policy_kwargs": {}, "lost_policy_kwargs": sorted(lost)}
    # Together: from their numbers is told whether all episodes said whether they succeeded.
    episodes = {
        held: [] if names & _EPISODES.keys() else tree["episodes"][held] for held in _EPISODES.values()
    }
    return {
        **tree,
        "arguments": {**arguments, **changed, "config": {**arguments["config"], **settings}},
        "counters": {name: 0 if name in names else value for name, value in tree["counters"].items()},
        "episodes": episodes,
        **dict.fromkeys(names & tree.keys() & {"replay", "environment"}),
    }


def custom_arguments(
    custom: Mapping[str, Any], config_class: type[Any], step_size: str | None
) -> dict[str, Any]:
    """Return those of SB3's `custom_objects` that take the place of what a file says.

    As in SB3, names that the file does not have are ignored. So are functions in the place of settings, which
    a file always holds as numbers, and a step size of 0: programs that only play a model pass both to any.

    Args:
        custom: Custom objects by SB3's names, or by those of settings.
        config_class: Of the settings.
        step_size: The setting that SB3 calls learning_rate.
    """
    settings = {field.name for field in dataclasses.fields(config_class)}
    found = {_CUSTOM[name]: value for name, value in custom.items() if name in _CUSTOM}
    for name, value in custom.items():
        name = step_size or name if name == "learning_rate" else name
        is_off = name == step_size and not callable(value) and value == 0
        if name in settings and not callable(value) and not is_off:
            found[name] = value
    return found


def kept_folder(folder: str | None, file: Path) -> str | None:
    """Return the folder of TensorBoard that a file names, if its model may write there.

    `learn` writes to it, and a stranger's file must not choose where. So it is kept below the working
    directory, the file's folder and the folder of temporary files; elsewhere the user has to say so.
    """
    if folder is None:
        return None
    own = (Path.cwd(), file.parent, Path(tempfile.gettempdir()))
    if "://" not in folder and any(_is_below(Path(folder), each) for each in own):
        return folder
    warnings.warn(
        f"{file} names tensorboard_log={folder!r}, which is neither below the working directory nor beside "
        "the file: it is not used; pass tensorboard_log= to load() to write there",
        stacklevel=4,
    )
    return None


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def parameters_in(
    tree: Mapping[str, Any], names: Iterable[str], part: Callable[[str], Any]
) -> dict[str, Any]:
    """Return what `set_parameters` takes from the content of a file.

    Args:
        tree: The content.
        names: As the model's `get_parameters` has them.
        part: Where in the tree each is, as keys.
    """
    found = {}
    for name in names:
        entry: Any = tree
        for key in part(name):
            entry = entry[key]
        found[name] = entry
    return found


def check_parameters(model: Any, parameters: Mapping[str, Any], whole: bool, exact: bool = True) -> None:
    """Check that moments fit the parameters that they are of: torch does not, and computes beyond their ends.

    Args:
        model: Has the optimizers.
        parameters: As `set_parameters` takes them.
        whole: Check the networks, too.
        exact: Networks must be complete. What follows one that is not is not checked, since torch refuses it.

    Raises:
        Misfit: They do not fit; names the place.
    """
    for name, state in parameters.items():
        try:
            target = recursive_getattr(model, name)
        except (AttributeError, TypeError):
            continue  # which SB3 refuses
        if isinstance(target, torch.optim.Optimizer):
            fit(state, optimizer_state(target), name)
        elif whole:
            fit(state, target.state_dict(), name)
        elif exact and set(state) != set(target.state_dict()):
            return
