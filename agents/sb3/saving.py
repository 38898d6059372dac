"""The file of a model: how it is named and read, what it must hold, and why it is refused.

What is in it, `agents.sb3.base` says; how it lies on disk, `agents.sb3.checkpoint`.
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

# What the file of every agent holds, the state of its environments apart.
ENTRIES = "arguments observation_space action_space n_envs counters episodes policy".split()
# What may be left out of a file.
PARTS = ("replay", "environment")


def with_suffix(path: str | os.PathLike[str]) -> Path:
    """Return `path`, with SB3's `.zip` if it has no suffix."""
    path = Path(path)
    return path if path.suffix else path.with_suffix(".zip")


def read(path: str | os.PathLike[str], device: torch.device | str) -> tuple[Any, Path]:
    """Return the content of a model's file, and its name with the suffix that it turned out to have.

    Raises:
        CheckpointError: The file is truncated, foreign or of a newer format.
        FileNotFoundError: There is no such file.
        ValueError: It is a folder.
    """
    path = Path(path)
    path = path if path.exists() else with_suffix(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: name a model's file, in a run directory model.zip")
    return checkpoint.load(path, get_device(device)), path


def holds_environments(path: str | os.PathLike[str]) -> bool:
    """Return whether a model's file tells where its environments were, so that their episodes can go on.

    Raises:
        CheckpointError: The file is truncated, foreign or of a newer format.
        FileNotFoundError: There is no such file.
    """
    tree, _ = read(path, "cpu")
    return isinstance(tree, dict) and tree.get("environment") is not None


def checked_exclusions(names: set[str]) -> set[str]:
    """Return the names of parts to leave out.

    Raises:
        ValueError: There is no such part.
    """
    for name in sorted(names.difference(PARTS)):
        raise ValueError(f"exclude may name {', '.join(PARTS)}; got {name!r}")
    return names


def check_kind(tree: Any, kind: str, path: Path) -> None:
    """Check that a file holds a model of a class.

    Raises:
        CheckpointError: It does not.
    """
    found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
    if found != kind:
        raise CheckpointError(f"{path} holds no {kind} model but {found!r}")
    _check_entries(tree, ENTRIES, path)


def check_complete(tree: Mapping[str, Any], state: Iterable[str], path: Path) -> None:
    """Check that a file holds the parts of a model's `state`, too.

    Raises:
        CheckpointError: It does not.
    """
    _check_entries(tree, [*state, "environment"], path)


def _check_entries(tree: Mapping[str, Any], names: Iterable[str], path: Path) -> None:
    if missing := [name for name in names if name not in tree]:
        raise CheckpointError(f"{path} holds a {tree['algorithm']} model without its {', '.join(missing)}")


def check_lanes(tree: Mapping[str, Any], lanes: int | None, path: Path) -> None:
    """Check that this many lanes can go on inside the saved episodes; None are those of no environment.

    Raises:
        ValueError: They are not as many as were saved, or where those were is not known.
    """
    if lanes != tree["n_envs"]:
        raise ValueError(
            f"force_reset=False goes on inside the {tree['n_envs']} saved lanes: pass an env with as many, "
            f"got {'none' if lanes is None else lanes}"
        )
    if tree["environment"] is None:
        raise ValueError(
            f"{path} holds no state of its environments, so their episodes cannot be gone on with: "
            "load it with force_reset=True to start new ones"
        )


def saved_config(kind: type[Any], saved: Mapping[str, Any], given: Collection[str], path: Path) -> Any:
    """Return the saved settings.

    Args:
        kind: Their class.
        saved: By name. Only settings that tell what their absence means (`agents.learning.settings`) may be
            missing: nothing that another version knew or lacked is guessed.
        given: Names of settings that need not be saved, because others will take their place.
        path: The file.

    Raises:
        CheckpointError: Settings are missing, or there are none of that name.
    """
    saved = absent_settings(kind, saved) | dict(saved)
    names = {field.name for field in dataclasses.fields(kind)}
    unknown, missing = sorted(set(saved) - names), sorted(names - set(saved) - set(given))
    if unknown:
        raise CheckpointError(
            f"{path} is of another version: it has the settings {', '.join(unknown)}, which this one lacks"
        )
    if missing:
        raise CheckpointError(
            f"{path} is of another version, without the settings {', '.join(missing)}: pass them to load()"
        )
    return kind(**saved)


def saved_arguments(
    saved: Mapping[str, Any], given: Mapping[str, Any], policies: Iterable[type[Any]]
) -> dict[str, Any]:
    """Return the arguments that were given to `load`, and the saved ones in the place of those that were not.

    Args:
        saved: What the file holds of the arguments of the constructor.
        given: By name.
        policies: The classes that need not be given.

    Raises:
        ValueError: One that is missing is code, which no file holds.
    """
    ours = {policy.__name__: policy for policy in policies}
    if "policy" not in given and saved["policy"] not in ours:
        raise ValueError(f"the model has a policy of your own: pass policy={saved['policy']} to load()")
    lost = [name for name in saved["lost_policy_kwargs"] if name not in given.get("policy_kwargs", ())]
    if lost:
        raise ValueError(
            f"the model has policy_kwargs that are code and so are not in the file: {', '.join(lost)}; "
            "pass the complete policy_kwargs to load()"
        )
    arguments = {name: saved[name] for name in ("policy_kwargs", "seed", "stats_window_size")}
    return {"policy": ours.get(saved["policy"])} | arguments | dict(given)
