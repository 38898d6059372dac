"""The file of a saved model: its name, what it must contain, and the reasons for refusing it.

`agents.sb3.base` decides what is saved; `agents.sb3.checkpoint` is the format on disk.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from stable_baselines3.common.utils import get_device

from agents.learning.settings import absent_settings
from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError

# What every file contains, beside the state of the environments.
ENTRIES = "arguments observation_space action_space n_envs counters episodes policy".split()
# What `save` can leave out.
OPTIONAL_PARTS = ("replay", "environment")


def with_suffix(path: str | os.PathLike[str]) -> Path:
    """Return `path`, with SB3's `.zip` if it has no suffix."""
    path = Path(path)
    return path if path.suffix else path.with_suffix(".zip")


def read(path: str | os.PathLike[str], device: torch.device | str) -> tuple[Any, Path]:
    """Return the content of a model's file and the path of that file, suffix included.

    Raises:
        CheckpointError: The file is damaged, of another kind, or of a newer version.
        FileNotFoundError: There is no such file.
        ValueError: The path is a folder.
    """
    path = Path(path)
    path = path if path.exists() else with_suffix(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the file of a model; in a run directory it is model.zip")
    return checkpoint.load(path, get_device(device)), path


def holds_environments(path: str | os.PathLike[str]) -> bool:
    """Return whether a model's file contains the state of its environments, so that episodes can be resumed.

    Raises:
        CheckpointError: The file is damaged, of another kind, or of a newer version.
        FileNotFoundError: There is no such file.
    """
    tree, _ = read(path, "cpu")
    return isinstance(tree, dict) and tree.get("environment") is not None


def checked_exclusions(names: set[str]) -> set[str]:
    """Return the names of the parts to leave out of a file.

    Raises:
        ValueError: A name is not in `OPTIONAL_PARTS`.
    """
    for name in sorted(names.difference(OPTIONAL_PARTS)):
        raise ValueError(f"exclude must be among {', '.join(OPTIONAL_PARTS)}, got {name!r}")
    return names


def check_kind(tree: Any, kind: str, path: Path) -> None:
    """Check that a file contains a model of the class named `kind`.

    Raises:
        CheckpointError: It does not.
    """
    found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
    if found != kind:
        raise CheckpointError(f"{path} does not contain a model of {kind}, but of {found!r}")
    _check_entries(tree, ENTRIES, path)


def check_complete(tree: Mapping[str, Any], state: Iterable[str], path: Path) -> None:
    """Check that a file contains every part of a model's `state`.

    Raises:
        CheckpointError: It does not.
    """
    _check_entries(tree, [*state, "environment"], path)


def _check_entries(tree: Mapping[str, Any], names: Iterable[str], path: Path) -> None:
    if missing := [name for name in names if name not in tree]:
        raise CheckpointError(
            f"{path} is incomplete: the {tree['algorithm']} model lacks {', '.join(missing)}"
        )


def check_resumable(tree: Mapping[str, Any], n_envs: int | None, path: Path) -> None:
    """Check that the saved episodes can be resumed.

    Args:
        tree: The content of the file.
        n_envs: Number of environments to resume them in; None if there are none.
        path: The file.

    Raises:
        ValueError: The number of environments differs, or the file does not contain their state.
    """
    if n_envs != tree["n_envs"]:
        raise ValueError(
            f"force_reset=False resumes the episodes of {tree['n_envs']} environments: pass an env with as "
            f"many, got {'none' if n_envs is None else n_envs}"
        )
    if tree["environment"] is None:
        raise ValueError(
            f"{path} does not contain the state of its environments, so episodes cannot be resumed: "
            "load it with force_reset=True to start new ones"
        )


def saved_config(kind: type[Any], saved: Mapping[str, Any], given: Collection[str], path: Path) -> Any:
    """Return the saved settings.

    Args:
        kind: Their class.
        saved: Their values by name. A setting may be missing only if its field says what its absence means
            (`agents.learning.settings`); nothing is guessed.
        given: Names of settings that may be missing because they are passed to `load`.
        path: The file.

    Raises:
        CheckpointError: Settings are missing or unknown.
    """
    saved = absent_settings(kind, saved) | dict(saved)
    names = {field.name for field in dataclasses.fields(kind)}
    unknown, missing = sorted(set(saved) - names), sorted(names - set(saved) - set(given))
    if unknown:
        raise CheckpointError(f"{path} is of another version: it has unknown settings: {', '.join(unknown)}")
    if missing:
        raise CheckpointError(
            f"{path} is of another version: pass the settings it lacks to load(): {', '.join(missing)}"
        )
    return kind(**saved)


def saved_arguments(
    saved: Mapping[str, Any], given: Mapping[str, Any], policies: Iterable[type[Any]]
) -> dict[str, Any]:
    """Return arguments for the constructor: those passed to `load`, and the saved values of the others.

    Args:
        saved: The arguments in the file.
        given: The arguments passed to `load`.
        policies: The agent's own policy classes; any other is code, which a file does not contain.

    Raises:
        ValueError: The policy class or an entry of `policy_kwargs` is code and was not passed.
    """
    own = {policy.__name__: policy for policy in policies}
    if "policy" not in given and saved["policy"] not in own:
        raise ValueError(f"the model has a custom policy: pass policy={saved['policy']} to load()")
    lost = [name for name in saved["lost_policy_kwargs"] if name not in given.get("policy_kwargs", ())]
    if lost:
        raise ValueError(
            f"the model has policy_kwargs that are code and so are not in the file: {', '.join(lost)}; "
            "pass the complete policy_kwargs to load()"
        )
    arguments = {name: saved[name] for name in ("policy_kwargs", "seed", "stats_window_size")}
    return {"policy": own.get(saved["policy"])} | arguments | dict(given)
