"""Trees of tensors on disk: one file, replaced in one step, read without running anything it holds.

The file is an uncompressed zip of `tree.json`, the structure with its small values, and of
`tensors.safetensors`, the contents of tensors and arrays. Neither can name code, so a file from a stranger is
harmless: at worst it is refused.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import safetensors.torch
import torch

from memory_envs import files

FORMAT = "memory-envs checkpoint"
VERSION = 1
# Deep enough for any state; shallow enough that a tree which contains itself is found before the stack ends.
MAX_DEPTH = 64

_TREE, _TENSORS = "tree.json", "tensors.safetensors"
_STORABLE_KINDS = "biufcmMSU"  # of numpy dtypes: all but objects and records
_STORABLE_NAMES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"),
)
_STORABLE_DTYPES = frozenset(getattr(torch, name) for name in _STORABLE_NAMES)
_SPECIAL_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
# What the readers of zip, JSON and safetensors raise on contents that are not theirs.
_READING_FAULTS = (
    *(OSError, EOFError, struct.error, zipfile.BadZipFile, safetensors.SafetensorError),
    *(ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError, RecursionError),
)


class CheckpointError(ValueError):
    """A file is not a checkpoint, is damaged, or was written by a newer version."""


def save(path: str | os.PathLike[str], tree: Any) -> None:
    """Write `tree` to `path`; the file that was there stays whole until the new one is safely on disk.

    A tree is made of dict (keys: str or int), list, tuple, None, bool, int, float, str, torch.Tensor, numpy
    arrays and numpy scalars. An OrderedDict is stored as a dict, a Parameter as a plain tensor, and whether a
    gradient was wanted is not stored. Equal trees give equal bytes.

    Args:
        path: The file. A symbolic link is followed.
        tree: What to store. Tensors may lie on any device, share storage and have any strides.

    Raises:
        TypeError: Something in the tree is of another type; names its place, as in "learner/optimizer/state".
        ValueError: The tree is nested deeper than MAX_DEPTH, as one that contains itself is.
        OSError: The file could not be written. What was at `path` is unharmed.
    """
    encoder = _Encoder()
    document = {"format": FORMAT, "version": VERSION, "tree": encoder.encode(tree, ())}
    members = {
        _TREE: json.dumps(document, allow_nan=False).encode(),
        _TENSORS: safetensors.torch.save(encoder.tensors),
    }
    with replacing(Path(os.path.realpath(path))) as file, zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            member = zipfile.ZipInfo(name)  # of 1980: the time of writing must not tell equal trees apart
            member.external_attr = 0o644 << 16
            archive.writestr(member, content)


def load(path: str | os.PathLike[str], device: torch.device | str = "cpu") -> Any:
    """Read the tree that `save` wrote to `path`.

    Args:
        path: The file.
        device: Where to put the tensors; numpy arrays stay numpy arrays.

    Returns:
        The tree. Its tensors and arrays are contiguous, writable and share no memory.

    Raises:
        FileNotFoundError: There is no such file.
        CheckpointError: The file is damaged, of another kind, or of a newer version.
    """
    device = torch.device(device)
    with Path(path).open("rb") as file:
        try:
            members = _read_members(file)
            encoded = _tree_of(json.loads(members[_TREE], parse_constant=_refuse_constant))
            decoder = _Decoder(_read_tensors(members[_TENSORS]), device)
            return decoder.decode_all(encoded)
        except _READING_FAULTS as fault:
            raise CheckpointError(f"{os.fspath(path)} cannot be loaded as a {FORMAT}: {fault}") from fault


class _Encoder:
    """Turns a tree into JSON and collects the tensors by name.

    What JSON has is written as it is; everything else is an object with one entry, {kind: content}.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self._storages: set[int] = set()

    def encode(self, value: Any, place: tuple[Any, ...]) -> Any:
        if len(place) > MAX_DEPTH:
            raise ValueError(f"the tree is nested deeper than {MAX_DEPTH} levels at {_name(place)}")
        kind = type(value)  # exact types: a subclass would come back as something else
        if value is None or kind in (bool, str):
            return value
        if kind in (int, float):
            return _encode_number(value)
        if kind in (list, tuple):
            items = [self.encode(item, (*place, index)) for index, item in enumerate(value)]
            return items if kind is list else {"tuple": items}
        if kind in (dict, OrderedDict):
            return {"dict": [self._entry(key, item, place) for key, item in value.items()]}
        return self._encode_data(value, place)

    def _entry(self, key: Any, item: Any, place: tuple[Any, ...]) -> list[Any]:
        if type(key) not in (str, int):
            raise TypeError(
                f"keys must be str or int, got {key!r} of type {_type_name(key)} in {_name(place)}"
            )
        return [self.encode(key, place), self.encode(item, (*place, key))]

    def _encode_data(self, value: Any, place: tuple[Any, ...]) -> Any:
        if isinstance(value, torch.Tensor):
            return self._encode_tensor(value, place)
        if type(value) is np.ndarray:
            return {"array": self._encode_array(value, place)}
        if isinstance(value, np.generic):
            return {"scalar": self._encode_array(np.asarray(value), place)}
        raise TypeError(
            f"{_name(place)} is of type {_type_name(value)}, which cannot be stored; a tree holds dict, "
            "list, tuple, None, bool, int, float, str, torch.Tensor, numpy arrays and numpy scalars"
        )

    def _encode_tensor(self, value: torch.Tensor, place: tuple[Any, ...]) -> Any:
        irregular = value.layout != torch.strided or value.is_nested or value.is_meta
        plain = value.detach()
        if not irregular and value.is_complex():
            plain = torch.view_as_real(plain.resolve_conj())  # safetensors knows only one complex type
        if irregular or plain.dtype not in _STORABLE_DTYPES:
            raise TypeError(
                f"{_name(place)} is a tensor of {value.dtype}, {value.layout}, on {value.device}, "
                "which cannot be stored"
            )
        return {"complex" if value.is_complex() else "tensor": self._keep(plain)}

    def _encode_array(self, value: np.ndarray, place: tuple[Any, ...]) -> dict[str, Any]:
        if value.dtype.kind not in _STORABLE_KINDS:
            raise TypeError(f"{_name(place)} has the numpy dtype {value.dtype}, which cannot be stored")
        # Bytes, because numpy knows types that torch does not; a copy, because torch warns of read-only ones.
        content = np.array(value, order="C").reshape(-1)
        data = content.view(np.uint8) if content.nbytes else np.empty(0, np.uint8)
        return {
            "data": self._keep(torch.from_numpy(data)),
            "dtype": value.dtype.str,
            "shape": list(value.shape),
        }

    def _keep(self, tensor: torch.Tensor) -> str:
        tensor = tensor.cpu().contiguous()
        storage = tensor.untyped_storage().data_ptr()
        if storage in self._storages:  # safetensors refuses tensors that share it
            tensor = tensor.clone()
        self._storages.add(storage)
        name = str(len(self.tensors))
        self.tensors[name] = tensor
        return name


class _Decoder:
    """The inverse of `_Encoder`; trusts nothing and raises ValueError, TypeError or KeyError."""

    def __init__(self, tensors: dict[str, torch.Tensor], device: torch.device) -> None:
        self._tensors = tensors
        self._device = device
        self._kinds: dict[str, Callable[[Any], Any]] = {
            "tuple": lambda items: tuple(self._decode_items(items)),
            "dict": self._decode_dict,
            "int": lambda digits: int(digits, 16),
            "float": lambda name: _SPECIAL_FLOATS[name],
            "tensor": lambda name: self._take(name).to(self._device),
            "complex": lambda name: self._complex(name).to(self._device),
            "array": self._decode_array,
            "scalar": lambda content: self._decode_array(content)[()],
        }

    def decode_all(self, encoded: Any) -> Any:
        tree = self.decode(encoded)
        if self._tensors:
            raise ValueError(f"{_TENSORS} holds {len(self._tensors)} tensors that {_TREE} does not mention")
        return tree

    def decode(self, encoded: Any) -> Any:
        if isinstance(encoded, list):
            return self._decode_items(encoded)
        if not isinstance(encoded, dict):
            return encoded
        if len(encoded) != 1 or not encoded.keys() <= self._kinds.keys():
            raise ValueError(f"{_TREE} has {sorted(encoded)[:5]} where one of {list(self._kinds)} must be")
        [(kind, content)] = encoded.items()
        return self._kinds[kind](content)

    def _decode_items(self, items: Any) -> list[Any]:
        if not isinstance(items, list):
            raise ValueError(f"{_TREE} has a {_type_name(items)} where a list must be")
        return [self.decode(item) for item in items]

    def _decode_dict(self, entries: Any) -> dict[str | int, Any]:
        pairs = [(key, item) for key, item in self._decode_items(entries)]
        if not all(type(key) in (str, int) for key, _ in pairs):
            raise ValueError(f"{_TREE} has a dict with keys other than str and int")
        if len(dict(pairs)) != len(pairs):
            raise ValueError(f"{_TREE} has a dict with a repeated key")
        return dict(pairs)

    def _decode_array(self, content: Any) -> np.ndarray:
        data, dtype = self._take(content["data"]), np.dtype(content["dtype"])
        shape = tuple(content["shape"])
        size = math.prod(shape) * dtype.itemsize
        if dtype.kind not in _STORABLE_KINDS or data.dtype != torch.uint8 or data.shape != (size,):
            raise ValueError(
                f"{_TREE} describes an array of {dtype} {shape} that its {data.numel()} bytes cannot be"
            )
        return np.ndarray(shape, dtype, buffer=data.numpy()).copy()

    def _complex(self, name: str) -> torch.Tensor:
        pairs = self._take(name)
        try:
            return torch.view_as_complex(pairs)
        except RuntimeError as fault:
            raise ValueError(f"{_TREE} takes tensor {name!r} for complex: {fault}") from fault

    def _take(self, name: str) -> torch.Tensor:
        if name not in self._tensors:
            raise ValueError(f"{_TREE} mentions tensor {name!r} twice, or {_TENSORS} lacks it")
        return self._tensors.pop(name)


def _encode_number(value: int | float) -> Any:
    if isinstance(value, int):
        # Other readers of JSON take integers for doubles, and Python refuses long decimals.
        return value if abs(value) < 2**53 else {"int": hex(value)}
    return value if math.isfinite(value) else {"float": str(value)}


def _read_members(file: IO[bytes]) -> dict[str, bytes]:
    """The two members, after checking that they are all there is and no longer than the file."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        if sorted(names) != sorted((_TREE, _TENSORS)):
            raise ValueError(f"expected a zip of {_TREE} and {_TENSORS}, got one of {names[:8]}")
        room = os.fstat(file.fileno()).st_size
        for member in members:
            stored = member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1
            if not stored or not member.compress_size == member.file_size <= room:
                raise ValueError(
                    f"{member.filename} must be neither compressed nor encrypted nor larger than the file"
                )
        return {name: archive.read(name) for name in names}


def _tree_of(document: Any) -> Any:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{_TREE} does not say that its format is {FORMAT!r}")
    version = document.get("version")
    if type(version) is not int or version < 1:
        raise ValueError(f"version must be a positive integer, got {version!r}")
    if version > VERSION:
        raise ValueError(f"it has version {version}, this program reads up to {VERSION}; use a newer release")
    return document["tree"]


def _read_tensors(content: bytes) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load(content)
    except (AssertionError, RuntimeError) as fault:  # of the library, on headers that contradict themselves
        raise ValueError(f"{_TENSORS} is malformed: {fault}") from fault


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{_TREE} has the bare constant {name}, which JSON does not know")


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of `target` when, and only when, the block ends well."""
    with files.replacing(target, ".tmp") as unfinished, unfinished.open("xb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _name(place: tuple[Any, ...]) -> str:
    return "/".join(map(str, place)) or "the tree itself"


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
