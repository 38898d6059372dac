"""Trees of tensors and plain values as JSON plus named tensors, and back."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from memory_envs.registry.json_text import shown

# Deep enough for any state; shallow enough that a tree which contains itself is found before the stack ends.
MAX_DEPTH = 64

_STORABLE_KINDS = "biufcmMSU"  # of numpy dtypes: all but objects and records
_STORABLE_NAMES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2"),
)
_STORABLE_DTYPES = frozenset(getattr(torch, name) for name in _STORABLE_NAMES)
_SPECIAL_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def tree_to_json(tree: Any) -> tuple[Any, dict[str, torch.Tensor]]:
    """Describe a tree in JSON, apart from the contents of its tensors and arrays.

    Args:
        tree: As `agents.sb3.checkpoint.save` takes it.

    Returns:
        The description, and the tensors that it mentions, by name: contiguous, on the CPU, sharing no memory.

    Raises:
        TypeError: Something in the tree is of another type; the message has its place, as in
            "learner/optimizer/state".
        ValueError: The tree is nested deeper than MAX_DEPTH, as one that contains itself is.
    """
    encoder = _Encoder()
    return encoder.encode(tree, ()), encoder.tensors


def tree_from_json(data: Any, tensors: dict[str, torch.Tensor], device: torch.device | str = "cpu") -> Any:
    """Rebuild the tree that `tree_to_json` described. The input is not trusted: no code in it is run.

    Args:
        data: The description, possibly after a round trip through JSON.
        tensors: By name; is emptied.
        device: Device of the tensors; numpy arrays stay numpy arrays.

    Returns:
        The tree. Its tensors and arrays are contiguous, writable and share no memory.

    Raises:
        ValueError: The description is malformed or does not match the tensors.
    """
    try:
        tree = _Decoder(tensors, torch.device(device)).decode(data)
    except (TypeError, LookupError, ArithmeticError, RecursionError) as fault:
        raise ValueError(f"the tree is malformed: {fault}") from fault
    if tensors:
        raise ValueError(f"the tree does not mention {len(tensors)} of the tensors")
    return tree


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
        if value.dtype.kind not in _STORABLE_KINDS or not value.dtype.itemsize:
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
    """The inverse of `_Encoder`; trusts nothing."""

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

    def decode(self, encoded: Any) -> Any:
        if isinstance(encoded, list):
            return self._decode_items(encoded)
        if not isinstance(encoded, dict):
            return encoded
        if len(encoded) != 1 or not encoded.keys() <= self._kinds.keys():
            raise ValueError(f"the tree has {sorted(encoded)[:5]} where one of {list(self._kinds)} must be")
        [(kind, content)] = encoded.items()
        return self._kinds[kind](content)

    def _decode_items(self, items: Any) -> list[Any]:
        if not isinstance(items, list):
            raise ValueError(f"the tree has a {_type_name(items)} where a list must be")
        return [self.decode(item) for item in items]

    def _decode_dict(self, entries: Any) -> dict[str | int, Any]:
        pairs = [(key, item) for key, item in self._decode_items(entries)]
        if not all(type(key) in (str, int) for key, _ in pairs):
            raise ValueError("the tree has a dict with keys other than str and int")
        if len(dict(pairs)) != len(pairs):
            raise ValueError("the tree has a dict with a repeated key")
        return dict(pairs)

    def _decode_array(self, content: Any) -> np.ndarray:
        name, shape = content["dtype"], tuple(content["shape"])
        if not isinstance(name, str) or not all(type(length) is int for length in shape):
            raise ValueError(f"the tree describes an array of {shown(name)} {shown(shape)}")
        if min(shape, default=0) < 0:
            raise ValueError(f"the tree describes an array of a negative length, {shown(shape)}")
        data, dtype = self._take(content["data"]), np.dtype(name)
        size = math.prod(shape) * dtype.itemsize
        known = dtype.kind in _STORABLE_KINDS and dtype.itemsize > 0  # or any number takes no bytes
        if not known or data.dtype != torch.uint8 or data.shape != (size,):
            raise ValueError(
                f"the tree describes an array of {dtype} {shape} that its {data.numel()} bytes cannot be"
            )
        return np.ndarray(shape, dtype, buffer=data.numpy()).copy()

    def _complex(self, name: str) -> torch.Tensor:
        pairs = self._take(name)
        try:
            return torch.view_as_complex(pairs)
        except RuntimeError as fault:
            raise ValueError(f"the tree takes tensor {name!r} for complex: {fault}") from fault

    def _take(self, name: str) -> torch.Tensor:
        if name not in self._tensors:
            raise ValueError(f"the tree mentions tensor {name!r} twice, or that is missing")
        return self._tensors.pop(name)


def _encode_number(value: int | float) -> Any:
    if isinstance(value, int):
        # Other readers of JSON take integers for doubles, and Python refuses long decimals.
        return value if abs(value) < 2**53 else {"int": hex(value)}
    return value if math.isfinite(value) else {"float": str(value)}


def _name(place: tuple[Any, ...]) -> str:
    return "/".join(map(str, place)) or "the tree itself"


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
