"""The file format of saved models: a tree of tensors and plain values, written atomically, read safely.

The file is an uncompressed zip of `tree.json`, the structure with its small values, and of
`tensors.safetensors`, the contents of tensors and arrays. Neither can contain code, so loading a file from an
untrusted source is harmless: at worst it is refused.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeGuard

import safetensors.torch
import torch

from agents.sb3.trees import MAX_DEPTH, tree_from_json, tree_to_json
from memory_envs.files import replacing
from memory_envs.registry import json_text

FORMAT = "memory-envs checkpoint"
VERSION = 1

_TREE, _TENSORS = "tree.json", "tensors.safetensors"
# A level of a tree is three of JSON: an object of one entry, a list of pairs, a pair.
_MAX_JSON_DEPTH = 4 * MAX_DEPTH
# What the readers of zip and of trees raise on malformed content.
_READING_FAULTS = (
    *(OSError, EOFError, struct.error, zipfile.BadZipFile),
    *(ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, MemoryError),
)
# What that of safetensors raises, some of it on headers that contradict themselves.
_SAFETENSORS_FAULTS = (
    safetensors.SafetensorError,
    *(ValueError, TypeError, LookupError, ArithmeticError, RuntimeError, AssertionError, MemoryError),
)


Place: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""Where a file is: its name, or the file itself, opened in binary mode."""


class CheckpointError(ValueError):
    """A file is not a checkpoint, is damaged, or was written by a newer version."""


def save(path: Place, tree: Any) -> None:
    """Write `tree` to `path`; an earlier file stays there until the new one is safely on disk.

    A tree is made of dict (keys: str or int), list, tuple, None, bool, int, float, str, torch.Tensor, numpy
    arrays and numpy scalars. An OrderedDict is stored as a dict, a Parameter as a plain tensor, and whether a
    gradient was wanted is not stored. Equal trees give equal bytes.

    Args:
        path: The file. A symbolic link is followed. Into a file that is already open is written at once.
        tree: What to store. Tensors may be on any device, share storage and have any strides.

    Raises:
        TypeError: Something in the tree is of another type; the message has its place, as in
            "learner/optimizer/state".
        ValueError: The tree is nested deeper than MAX_DEPTH, as one that contains itself is.
        OSError: The file could not be written. An earlier file at `path` is unharmed.
    """
    structure, tensors = tree_to_json(tree)
    document = {"format": FORMAT, "version": VERSION, "tree": structure}
    members = {
        _TREE: json.dumps(document, allow_nan=False).encode(),
        _TENSORS: safetensors.torch.save(tensors),
    }
    with _target(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)  # dated 1980: equal trees must give equal bytes
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)


def load(path: Place, device: torch.device | str = "cpu") -> Any:
    """Read the tree that `save` wrote to `path`.

    Args:
        path: The file.
        device: Device of the tensors; numpy arrays stay numpy arrays.

    Returns:
        The tree. Its tensors and arrays are contiguous, writable and share no memory.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, of another kind, or of a newer version.
    """
    device = torch.device(device)
    with contextlib.nullcontext(path) if is_open(path) else Path(path).open("rb") as file:  # type: ignore[arg-type]
        try:
            members = _read_members(file)
            structure = _structure(json_text.read(members[_TREE], _MAX_JSON_DEPTH, any_text=True))
            return tree_from_json(structure, read_tensors(members[_TENSORS]), device)
        except _READING_FAULTS as fault:
            raise CheckpointError(f"{name_of(path)} cannot be loaded as a {FORMAT}: {fault}") from fault


def is_open(place: Any) -> TypeGuard[IO[bytes]]:
    """Return whether a place is an open file instead of a name."""
    return not isinstance(place, (str, os.PathLike))


def check_place(place: Any, purpose: str) -> None:
    """Check that there could be a file: a path, or a binary file that is open for the purpose.

    Args:
        place: Path or file.
        purpose: "reading" or "writing".

    Raises:
        TypeError: It is of another kind.
        ValueError: It is closed, or open for something else.
    """
    if not is_open(place):
        return
    method, able = {"reading": ("read", "readable"), "writing": ("write", "writable")}[purpose]
    if isinstance(place, io.TextIOBase) or not hasattr(place, method):
        kind = "a file of text" if isinstance(place, io.TextIOBase) else type(place).__name__
        raise TypeError(f"path must be a path or a binary file, got {kind}")
    if place.closed or not getattr(place, able, lambda: True)():
        raise ValueError(f"path is a file that is not open for {purpose}: {name_of(place)}")


def name_of(place: Place) -> str:
    """Return what to call a file in messages."""
    if not is_open(place):
        return os.fspath(place)  # type: ignore[arg-type]
    name = getattr(place, "name", None)
    return name if isinstance(name, str) else type(place).__name__


@contextlib.contextmanager
def _target(place: Place) -> Iterator[Path | IO[bytes]]:
    """What to write to: an open file itself, or what takes the place of a named one in the end."""
    if is_open(place):
        yield place
    else:
        with replacing(os.path.realpath(place)) as unfinished:  # type: ignore[arg-type]
            yield unfinished


def _read_members(file: IO[bytes]) -> dict[str, bytes]:
    """The two members, after checking that there are no others and that none is longer than the file."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if sorted(names) != sorted((_TREE, _TENSORS)):
            raise ValueError(f"expected a zip of {_TREE} and {_TENSORS}, got one of {names[:8]}")
        room = file.seek(0, os.SEEK_END)
        for member in members:
            stored = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
            if not stored or not member.compress_size == member.file_size <= room:
                raise ValueError(
                    f"{member.filename} must be neither compressed nor encrypted nor larger than the file"
                )
        return {name: archive.read(name) for name in names}


def _structure(document: Any) -> Any:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{_TREE} does not say that its format is {FORMAT!r}")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"version must be a positive integer, got {version!r}")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this program reads up to {VERSION}; use a newer release")
    return document["tree"]


def read_tensors(content: bytes) -> dict[str, torch.Tensor]:
    """Return the tensors of a safetensors file's content, by name.

    Raises:
        ValueError: It is none, or contradicts itself.
    """
    try:
        return safetensors.torch.load(content)
    except _SAFETENSORS_FAULTS as fault:
        raise ValueError(f"the tensors are malformed: {fault}") from fault
