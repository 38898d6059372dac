"""Gymnasium spaces as JSON, so that a model can be rebuilt from a file without running code of the file's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from gymnasium import Space, spaces
from numpy.typing import NDArray

from memory_envs.registry.limits import MAX_SPACE
from memory_envs.registry.lookup import did_you_mean

MAX_ELEMENTS = MAX_SPACE  # of all that is rebuilt together
_DEFAULT_DTYPE = "int64"  # of Discrete and MultiDiscrete; Discrete of older gymnasium releases takes no other


def space_to_json(space: Space[Any]) -> dict[str, Any]:
    """Describe a space in what JSON can hold.

    Bounds are exact; one that all elements of a Box share is a single number. Infinite ones are the strings
    "inf" and "-inf", since JSON has no such numbers. The order of the keys of a Dict is kept. Generators are
    left out, as they are of `==`.

    Args:
        space: A Box, Discrete, MultiDiscrete, MultiBinary, or a Dict or Tuple of these; no subclass of them.

    Returns:
        An object whose "type" names the space.

    Raises:
        TypeError: The space, or one inside it, is of another kind; names its place.
    """
    return _to_json(space, "space")


def space_from_json(data: Any) -> Space[Any]:
    """Rebuild the space that `space_to_json` described.

    Args:
        data: What `space_to_json` returned, possibly after a round trip through JSON.

    Returns:
        A space that equals the described one.

    Raises:
        ValueError: The description is not one; names the place and, for an unknown type, the choices. Or its
            parts have more than MAX_ELEMENTS elements together.
    """
    if (elements := _elements(data)) > MAX_ELEMENTS:
        raise ValueError(
            f"shape of the space and of all in it must have at most {MAX_ELEMENTS} elements together, got "
            f"{elements:.3g}"
        )
    return _from_json(data, "space")


def _elements(data: Any) -> float:
    """How many elements a description asks for, as far as it can be read; what cannot is refused later."""
    if isinstance(data, list):
        return sum(map(_elements, data))
    if not isinstance(data, dict):
        return 0
    lengths = data.get("shape") if data.get("type") == "Box" else data.get("n")
    own = 0.0
    if isinstance(lengths, list) and all(type(length) is int for length in lengths):
        own = math.prod(float(length) for length in lengths)
    return own + _elements(data.get("spaces"))


def _to_json(space: Space[Any], place: str) -> dict[str, Any]:
    for name, form in _FORMS.items():
        if type(space) is form.kind:
            return {"type": name, **form.describe(space, place)}
    raise TypeError(
        f"{place} must be one of {', '.join(_FORMS)}, not a subclass of them, got {space!r} of type "
        f"{type(space).__module__}.{type(space).__qualname__}"
    )


def _from_json(data: Any, place: str) -> Space[Any]:
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ValueError(f"{place} must be an object with a 'type', got {data!r}")
    name = data["type"]
    if name not in _FORMS:
        hint = did_you_mean(name, _FORMS)
        raise ValueError(f"type of {place} must be one of {', '.join(_FORMS)}, got {name!r}{hint}")
    fields = {key: value for key, value in data.items() if key != "type"}
    try:
        return _FORMS[name].build(fields, place)
    except KeyError as missing:
        raise ValueError(f"{place} of type {name} lacks the field {missing}, got {sorted(fields)}") from None
    except (ValueError, TypeError, OverflowError, AssertionError) as fault:
        raise ValueError(f"{place} is no description of a {name}: {fault}") from fault


def _describe_box(space: spaces.Box, place: str) -> dict[str, Any]:
    if space.dtype.itemsize > 8:
        raise TypeError(f"{place} has the dtype {space.dtype}, whose bounds JSON numbers cannot hold")
    fields: dict[str, Any] = {"dtype": space.dtype.name, "shape": list(space.shape)}
    for side, bounds, bounded in (
        ("low", space.low, space.bounded_below),
        ("high", space.high, space.bounded_above),
    ):
        fields[side] = _compact(bounds)
        if not np.array_equal(bounded, np.isfinite(bounds)):  # integers told to be unbounded
            fields[f"{side}_is_bound"] = _compact(bounded)
    return fields


def _build_box(fields: dict[str, Any], place: str) -> spaces.Box:
    dtype, shape = np.dtype(fields["dtype"]), tuple(fields["shape"])
    if not all(type(length) is int and length >= 0 for length in shape):
        raise ValueError(f"shape must be integers from 0, got {shape}")
    low, high = (_expand(fields[side], shape, dtype) for side in ("low", "high"))
    space: spaces.Box = spaces.Box(low, high, dtype=dtype.type)
    if "low_is_bound" in fields:
        space.bounded_below = _expand(fields["low_is_bound"], shape, np.dtype(bool))
    if "high_is_bound" in fields:
        space.bounded_above = _expand(fields["high_is_bound"], shape, np.dtype(bool))
    return space


def _compact(values: NDArray[Any]) -> Any:
    """One value if all are the same, else a flat list in C order."""
    flat = [_number(value) for value in values.ravel().tolist()]
    return flat[0] if flat and len(set(map(repr, flat))) == 1 else flat  # repr: 0.0 == -0.0


def _number(value: float) -> float | str:
    return value if np.isfinite(value) else str(value)


def _expand(values: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    def parse(value: Any) -> Any:
        return float(value) if value in ("inf", "-inf") else value

    if isinstance(values, list):
        return np.array([parse(value) for value in values], dtype=dtype).reshape(shape)
    return np.full(shape, parse(values), dtype=dtype)


def _describe_discrete(space: spaces.Discrete, place: str) -> dict[str, Any]:
    return {"n": int(space.n), "start": int(space.start), **_dtype_field(space)}


def _build_discrete(fields: dict[str, Any], place: str) -> spaces.Discrete:
    return spaces.Discrete(**fields)


def _describe_multi_discrete(space: spaces.MultiDiscrete, place: str) -> dict[str, Any]:
    return {"nvec": space.nvec.tolist(), "start": space.start.tolist(), **_dtype_field(space)}


def _build_multi_discrete(fields: dict[str, Any], place: str) -> spaces.MultiDiscrete:
    return spaces.MultiDiscrete(**fields)


def _dtype_field(space: Space[Any]) -> dict[str, str]:
    name = np.dtype(space.dtype).name
    return {} if name == _DEFAULT_DTYPE else {"dtype": name}


def _describe_multi_binary(space: spaces.MultiBinary, place: str) -> dict[str, Any]:
    return {"n": space.n if isinstance(space.n, int) else list(space.n)}


def _build_multi_binary(fields: dict[str, Any], place: str) -> spaces.MultiBinary:
    return spaces.MultiBinary(fields["n"])


def _describe_dict(space: spaces.Dict, place: str) -> dict[str, Any]:
    wrong = [key for key in space.spaces if type(key) is not str]
    if wrong:
        raise TypeError(f"keys of {place} must be str, got {wrong[0]!r}")
    return {"spaces": [[key, _to_json(inner, f"{place}[{key!r}]")] for key, inner in space.spaces.items()]}


def _build_dict(fields: dict[str, Any], place: str) -> spaces.Dict:
    return spaces.Dict([(key, _from_json(inner, f"{place}[{key!r}]")) for key, inner in fields["spaces"]])


def _describe_tuple(space: spaces.Tuple, place: str) -> dict[str, Any]:
    return {"spaces": [_to_json(inner, f"{place}[{index}]") for index, inner in enumerate(space.spaces)]}


def _build_tuple(fields: dict[str, Any], place: str) -> spaces.Tuple:
    return spaces.Tuple([_from_json(inner, f"{place}[{i}]") for i, inner in enumerate(fields["spaces"])])


class _Form(NamedTuple):
    """How one kind of space is described and rebuilt; the string is its place, for messages."""

    kind: type[Space[Any]]
    describe: Callable[[Any, str], dict[str, Any]]
    build: Callable[[dict[str, Any], str], Space[Any]]


_FORMS = {
    "Box": _Form(spaces.Box, _describe_box, _build_box),
    "Discrete": _Form(spaces.Discrete, _describe_discrete, _build_discrete),
    "MultiDiscrete": _Form(spaces.MultiDiscrete, _describe_multi_discrete, _build_multi_discrete),
    "MultiBinary": _Form(spaces.MultiBinary, _describe_multi_binary, _build_multi_binary),
    "Dict": _Form(spaces.Dict, _describe_dict, _build_dict),
    "Tuple": _Form(spaces.Tuple, _describe_tuple, _build_tuple),
}
