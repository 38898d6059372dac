"""Objects as values: when two of them hold the same, and copies to go back to."""

from __future__ import annotations

import copyreg
import hashlib
import io
import marshal
import pickle
import random
import types
from collections import deque
from enum import Enum
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Space

from memory_envs.finite.chance import Chance, Real01
from memory_envs.finite.errors import NotFinite

_PLAIN = (int, str, bytes, type(None))
_CODE = (
    type,
    property,
    types.BuiltinFunctionType,
    types.FunctionType,
    types.GetSetDescriptorType,
    types.ModuleType,
)
_DRAWING = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)


def fingerprint(value: Any, place: str = "it") -> bytes:
    """Return 32 bytes that are equal for values that hold the same, and for no others.

    Code, spaces and specs count as unchanging. Objects are compared by their attributes.

    Args:
        value: Numbers, text, arrays, lists, dictionaries, sets, and objects that hold such.
        place: Its name, for errors.

    Raises:
        NotFinite: It holds a random generator that no `Chance` stands for, a number that is not decided, or
            something whose content cannot be read; names the place.
    """
    return hashlib.blake2b(marshal.dumps(_frozen(value, place, {}), 0), digest_size=32).digest()


def replace_generators(value: Any, chance: Chance) -> None:
    """Put `chance` in the place of each numpy Generator that an object or one of its spaces draws from."""
    _replace(value, chance, {})


class Snapshots:
    """Copies of an object's attributes, as bytes. Code, specs and chance are shared with it, not copied."""

    def __init__(self, *, shares_spaces: bool = True) -> None:
        """Begin; `shares_spaces` says whether spaces are shared too."""
        self._shared: dict[int, Any] = {}
        self._kinds = (*_CODE, EnvSpec, Chance, *((Space,) if shares_spaces else ()))

    def share(self, value: Any) -> None:
        """Share this object, too."""
        self._shared[id(value)] = value

    def take(self, attributes: dict[str, Any]) -> bytes:
        """Return a copy of attributes.

        Raises:
            NotFinite: They hold something that cannot be copied.
        """
        file = io.BytesIO()
        try:
            _Pickler(file, self._shared, self._kinds).dump(attributes)
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as problem:
            raise NotFinite(f"its state cannot be copied: {problem}") from problem
        return file.getvalue()

    def back(self, snapshot: bytes) -> dict[str, Any]:
        """Return the attributes of a copy, as new objects."""
        attributes: dict[str, Any] = _Unpickler(io.BytesIO(snapshot), self._shared).load()
        return attributes


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, shared: dict[int, Any], kinds: tuple[type, ...]) -> None:
        super().__init__(file, protocol=5)
        self._shared, self._kinds = shared, kinds

    def persistent_id(self, each: Any) -> int | None:
        if isinstance(each, self._kinds) or self._shared.get(id(each)) is each is not None:
            self._shared[id(each)] = each  # kept, so that the number stays its own
            return id(each)
        return None

    def reducer_override(self, each: Any) -> Any:
        if isinstance(each, gymnasium.Env):  # whatever it says of copies: EzPickle would begin anew
            return copyreg.__newobj__, (type(each),), vars(each), None, None, _set  # type: ignore[attr-defined]
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, shared: dict[int, Any]) -> None:
        super().__init__(file)
        self._shared = shared

    def persistent_load(self, number: int) -> Any:
        return self._shared[number]


def _set(env: Any, attributes: dict[str, Any]) -> None:
    vars(env).update(attributes)


def _frozen(value: Any, place: str, met: dict[int, int]) -> Any:
    """Return a value as text, numbers, bytes and tuples of them."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is bool or kind is float or kind is complex or isinstance(value, Enum):
        return (id(kind), repr(value))
    if isinstance(value, (*_CODE, Space, EnvSpec, Chance)):
        return ("same", id(value))
    if isinstance(value, Real01):
        raise NotFinite(f"{place} keeps {value!r}, which has no finitely many values")
    if isinstance(value, _DRAWING):
        raise NotFinite(f"{place} is a {kind.__name__}, whose draws cannot be enumerated")
    if isinstance(value, np.generic | np.ndarray) and value.dtype != object:
        return (value.dtype.str, value.shape, value.tobytes())
    if id(value) in met:  # a circle, or one object in two places
        return ("again", met[id(value)])
    met[id(value)] = len(met)
    return (id(kind), _content(value, place, met))


def _content(value: Any, place: str, met: dict[int, int]) -> Any:
    """Return what something that holds others holds."""
    if isinstance(value, np.ndarray):
        return value.shape, tuple(_frozen(each, place, met) for each in value.ravel())
    if isinstance(value, list | tuple | deque):
        return tuple(_frozen(each, f"{place}[{number}]", met) for number, each in enumerate(value))
    if isinstance(value, set | frozenset):
        return tuple(sorted(marshal.dumps(_frozen(each, place, met), 0) for each in value))
    if isinstance(value, dict):
        pairs = ((_frozen(key, place, met), each, f"{place}[{key!r}]") for key, each in value.items())
        return tuple((key, _frozen(each, where, met)) for key, each, where in pairs)
    if isinstance(value, types.MethodType):
        return id(value.__func__), _frozen(value.__self__, place, met)
    attributes = _attributes(value)
    if attributes is None:
        raise NotFinite(f"{place} is a {type(value).__name__}, whose content cannot be read")
    return tuple((name, _frozen(attributes[name], f"{place}.{name}", met)) for name in sorted(attributes))


def _attributes(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an object; None where they are none of Python's."""
    slots: list[str] = []
    for kind in type(value).__mro__:
        named = vars(kind).get("__slots__", ())
        slots += [named] if isinstance(named, str) else named
    if not hasattr(value, "__dict__") and not slots and type(value) is not object:
        return None
    held = {name: getattr(value, name) for name in slots if name != "__dict__" and hasattr(value, name)}
    return held | getattr(value, "__dict__", {})


def _replace(value: Any, chance: Chance, met: dict[int, Any]) -> None:
    left_alone = (*_PLAIN, *_CODE, bool, float, np.generic, EnvSpec, Chance, Real01)
    if id(value) in met or isinstance(value, left_alone):
        return
    met[id(value)] = value
    if isinstance(value, Space):
        value._np_random = chance  # type: ignore[assignment]
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list | deque | tuple | set | frozenset):
        items = list(enumerate(value))
    else:
        items = list((_attributes(value) or {}).items())
    for name, each in items:
        if not isinstance(each, np.random.Generator):
            _replace(each, chance, met)
        elif isinstance(value, dict | list | deque):
            value[name] = chance
        elif not isinstance(value, tuple | set | frozenset):
            setattr(value, name, chance)
