"""The file of a saved model: its name, what it must contain, and the reasons for refusing it.

`agents.sb3.base` decides what is saved; `agents.sb3.checkpoint` is the format on disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from gymnasium import Space, spaces
from stable_baselines3.common.utils import get_device

from agents.learning.finite import StateNotFinite
from agents.learning.settings import absent_settings
from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError, Place
from agents.sb3.exchange import ABSENT_ARGUMENTS, kept_folder
from agents.sb3.fitting import Check, Each, Maybe, Misfit, Number, fit
from memory_envs.registry.json_text import build
from memory_envs.registry.limits import MAX_LANES, MAX_ROLLOUT

# What every file contains, beside the state of the environments.
ENTRIES = "arguments observation_space action_space n_envs counters episodes policy".split()
# Raised by spaces, settings, networks and environments for values that are none of theirs.
FAULTS_OF_CONTENT = (
    *(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
    *(RuntimeError, MemoryError),
)


def with_suffix(path: str | os.PathLike[str]) -> Path:
    """Return `path`, with SB3's `.zip` if it has no suffix."""
    path = Path(path)
    return path if path.suffix else path.with_suffix(".zip")


def read(path: Place, device: torch.device | str) -> tuple[Any, Path]:
    """Return the content of a model's file and its path, suffix included, or what an open file goes by.

    Raises:
        CheckpointError: The file is damaged, of another kind, or of a newer version.
        FileNotFoundError: There is no such file.
        TypeError: It is neither a path nor a binary file.
        ValueError: The path is a folder, or the file is not open for reading.
    """
    checkpoint.check_place(path, "reading")
    if checkpoint.is_open(path):
        return checkpoint.load(path, get_device(device)), Path(checkpoint.name_of(path))
    path = Path(path)  # type: ignore[arg-type]
    path = path if path.exists() else with_suffix(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: give the file of a model; in a run directory it is model.zip")
    return checkpoint.load(path, get_device(device)), path


def writable(path: Place) -> Place:
    """Return where to write a model to, with SB3's suffix; a missing folder is made, as SB3 makes it.

    Raises:
        TypeError: It is neither a path nor a binary file.
        ValueError: The file is not open for writing.
    """
    checkpoint.check_place(path, "writing")
    if checkpoint.is_open(path):
        return path
    named = with_suffix(path)  # type: ignore[arg-type]
    if not named.parent.exists():
        warnings.warn(f"there was no folder {named.parent} to save into: it is made", stacklevel=3)
        named.parent.mkdir(parents=True)
    return named


def check_kind(tree: Any, kind: str, path: Path) -> None:
    """Check that a file contains a model of the class named `kind`.

    Raises:
        CheckpointError: It does not.
    """
    found = tree.get("algorithm") if isinstance(tree, dict) else type(tree).__name__
    if found != kind:
        raise CheckpointError(f"{path} does not contain a model of {kind}, but of {found!r}")
    _check_entries(tree, ENTRIES, path)


def check_description(tree: Mapping[str, Any], path: Path) -> None:
    """Check what a model is to be built from: kinds, not values.

    Raises:
        CheckpointError: Something is of another kind; names its place in the tree.
    """
    whole = Number(0, whole=True)
    arguments = {
        "policy": "",
        "config": _by_name,
        "seed": Maybe(whole),
        "stats_window_size": Number(1, whole=True),
        "policy_kwargs": _by_name,
        "lost_policy_kwargs": Each(""),
        "learner_follows_policy_kwargs": False,
        "verbose": Number(whole=True),
        "tensorboard_log": Maybe(""),
    }
    with described_by(path):
        fit(tree["n_envs"], Number(1, whole=True), "n_envs")
        fit(_completed(tree["arguments"]), arguments, "arguments")
        if tree["n_envs"] > MAX_LANES:
            raise Misfit(f"n_envs must be at most {MAX_LANES}, got {tree['n_envs']}")


def _completed(arguments: Any) -> Any:
    if not isinstance(arguments, dict):
        return arguments
    return {**ABSENT_ARGUMENTS, "learner_follows_policy_kwargs": learner_follows(arguments), **arguments}


def learner_follows(arguments: Mapping[str, Any]) -> bool:
    """Return whether the saved learner has the layers and the optimizer of the `policy_kwargs`."""
    return bool(arguments.get("learner_follows_policy_kwargs", False))


def check_rollout(space: Space[Any], steps: int, lanes: int) -> None:
    """Check how much a rollout holds that a file describes.

    Raises:
        Misfit: More than `memory_envs.registry.limits` allow.
    """
    parts = space.values() if isinstance(space, spaces.Dict) else [space]
    numbers = sum(math.prod(each.shape or (1,)) for each in parts)
    if numbers * steps * lanes > MAX_ROLLOUT:
        raise Misfit(
            f"observations of {numbers} numbers, {steps} steps and {lanes} lanes must make at most "
            f"{MAX_ROLLOUT} numbers"
        )


@contextlib.contextmanager
def described_by(path: Path) -> Iterator[None]:
    """Say of an error that comes from what a file describes that the file is at fault.

    Raises:
        CheckpointError: In place of what was raised.
    """
    try:
        yield
    except CheckpointError:
        raise
    except FAULTS_OF_CONTENT as fault:
        raise CheckpointError(f"{path} describes no model of this version: {fault}") from fault


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


def check_fits(tree: Mapping[str, Any], wanted: Mapping[str, Any], path: Path) -> None:
    """Check every part of a file against the model that is to hold it, before any is used.

    Args:
        tree: The content of the file.
        wanted: What its entries look like, as `agents.sb3.fitting.fit` takes it.
        path: The file.

    Raises:
        CheckpointError: Something does not fit; names its place in the tree.
    """
    try:
        for name, each in wanted.items():
            fit(tree[name], each, name, {"N": tree["n_envs"]})
    except Misfit as problem:
        raise CheckpointError(f"{path} does not fit the model that it describes: {problem}") from problem


def check_finite(tree: Mapping[str, Any], entries: Iterable[str], but: Collection[str], path: Place) -> None:
    """Check that what is to be saved is finite, as a file must be that is loaded.

    Args:
        tree: The content of the file.
        entries: Which of its entries to check.
        but: Places that may hold anything; "metrics", which are only shown, may as well.
        path: The file.

    Raises:
        StateNotFinite: Something is NaN or infinite; names its place.
    """
    for name in entries:
        if name == "metrics" or tree.get(name) is None:
            continue
        if (place := _not_finite(tree[name], name, but)) is not None:
            raise StateNotFinite(f"{path} is not saved: {place} must be finite", tree)


def _not_finite(found: Any, place: str, but: Collection[str]) -> str | None:
    """The place of the first tensor, array or number that is not finite throughout."""
    if isinstance(found, (Mapping, list, tuple)):
        items = found.items() if isinstance(found, Mapping) else enumerate(found)
        below = (_not_finite(each, f"{place}/{name}", but) for name, each in items)
        return next((each for each in below if each is not None), None)
    if place in but or isinstance(found, (str, bool, int, type(None))):
        return None
    whole = torch.as_tensor(found)
    is_sound = not whole.is_floating_point() or bool(whole.isfinite().all())
    return None if is_sound else f"{place} = {found if whole.ndim == 0 else whole.reshape(-1)[:4].tolist()}"


def environment(own: Mapping[str, Any] | None) -> Mapping[str, Any] | Check:
    """Return what the state of environments looks like that have the state `own`.

    What is told of the environments themselves, they check.
    """
    if own is None or "inner" not in own:
        return _by_name
    counts = {name: own[name] for name in ("episode_returns", "episode_lengths")}
    return {"inner": environment(own["inner"]), **counts, "episode_count": Number(0, whole=True)}


def _by_name(found: Any, place: str) -> None:
    if not isinstance(found, dict):
        raise Misfit(f"{place} must be a dict, got {found!r:.80}")


def episode_info(found: Any, place: str) -> None:
    """Check the statistics of an episode: return "r", length "l" and what else a Monitor kept."""
    for name in ("r", "l"):
        fit(found.get(name) if isinstance(found, dict) else found, Number(), f"{place}/{name}")


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
            f"{path} does not contain the state of its environments, which had none to give or were left "
            "out, or it was saved in the middle of a rollout of an on-policy agent, so episodes cannot be "
            "resumed: "
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
    with described_by(path):
        return build(kind, saved, "arguments/config")


def saved_arguments(
    saved: Mapping[str, Any], given: Mapping[str, Any], policies: Iterable[type[Any]], path: Path
) -> dict[str, Any]:
    """Return arguments for the constructor: those passed to `load`, and the saved values of the others.

    Args:
        saved: The arguments in the file.
        given: The arguments passed to `load`.
        policies: The agent's own policy classes; any other is code, which a file does not contain.
        path: The file.

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
    saved = _completed(saved)
    arguments = {name: saved[name] for name in ("policy_kwargs", *ABSENT_ARGUMENTS)}
    if "tensorboard_log" not in given:
        arguments["tensorboard_log"] = kept_folder(saved["tensorboard_log"], path)
    return {"policy": own.get(saved["policy"])} | arguments | dict(given)
