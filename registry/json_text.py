"""JSON that anybody may have written: read within limits, checked by kind, refused in words.

The one reader of replays, configurations, cards, certificates, exported actors and saved models. What it lets
through is no deeper than asked for, has no numbers but finite ones, and text that can be printed.
"""

import dataclasses
import json
import math
import numbers
import re
import reprlib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_DEPTH = 64
"""Lists and objects inside one another; no file of this package has a fifth of them."""

MAX_INTEGER = 2**128
"""Whole numbers are below this, and above its negative; so all of them fit into a float."""

_MAX_FIELD = 2**63

_STRING_OR_BRACKET = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]|[\]}]', re.DOTALL)


class MalformedJson(ValueError):
    """A text is no JSON, beyond the limits, or not of the kind that was expected; says where and why."""


def read(text: str | bytes, max_depth: int = MAX_DEPTH, *, any_text: bool = False) -> Any:
    """Return what a text says.

    Args:
        text: JSON; bytes are UTF-8.
        max_depth: How many lists and objects may lie inside one another. They are counted before anything is
            built, so that neither the parser nor who prints the result runs out of stack.
        any_text: Whether strings may hold halves of characters, which can be neither printed nor written.

    Raises:
        MalformedJson: It is no JSON, or beyond the limits.
    """
    try:
        text = text.decode() if isinstance(text, bytes) else text
        _check_depth(text, max_depth)
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite, parse_int=_limited)
        if not any_text and r"\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()
    except MalformedJson:
        raise
    except (ValueError, RecursionError) as problem:
        raise MalformedJson(f"it is no JSON: {problem}") from problem
    return value


def read_object(text: str | bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the object that a text says; arguments and errors as for `read`."""
    value = read(text, max_depth)
    if not isinstance(value, dict):
        raise MalformedJson(f"it must hold a JSON object, got {shown(value)}")
    return value


def read_file(path: Path) -> dict[str, Any]:
    """Return the object that a file says.

    Raises:
        MalformedJson: It says none, or is beyond the limits; names the file.
        OSError: It cannot be read.
    """
    try:
        return read_object(path.read_bytes())
    except MalformedJson as problem:
        raise MalformedJson(f"{path} cannot be read: {problem}") from problem


def build(kind: Any, value: Any, place: str = "it") -> Any:
    """Return a value read from JSON as a kind: a dataclass from an object, a tuple from a list, and so on.

    Args:
        kind: A dataclass, or what one of its fields may be annotated with.
        value: As `read` returned it. Numbers may also be numpy's, and lists tuples.
        place: Of the value, for errors, as in "config/gamma".

    Raises:
        MalformedJson: It is of another kind, has fields that are unknown or lacks some; names the place. Also
            where the dataclass itself refuses it.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, place)
    if origin in (typing.Union, types.UnionType):
        return _build_union(arguments, value, place)
    if origin is typing.Literal:
        _require(value in arguments, kind, value, place)
    elif (origin or kind) in (list, tuple):
        _require(isinstance(value, (list, tuple)), kind, value, place)
        item = arguments[0] if arguments else Any
        return (origin or kind)(build(item, each, f"{place}/{k}") for k, each in enumerate(value))
    elif (origin or kind) in (dict, Mapping):
        _require(isinstance(value, dict) and all(isinstance(each, str) for each in value), kind, value, place)
        item = arguments[1] if arguments else Any
        return {name: build(item, each, f"{place}/{name}") for name, each in value.items()}
    elif kind in (int, float):
        number = numbers.Integral if kind is int else numbers.Real
        sound = isinstance(value, number) and not isinstance(value, bool)
        sound = sound and (isinstance(value, numbers.Integral) or math.isfinite(value))
        _require(sound and abs(value) < _MAX_FIELD if kind is int else sound, kind, value, place)
    else:
        _require(type(value) is kind, kind, value, place)
    return value


def check_known(kind: type[Any], values: Mapping[str, Any], place: str) -> None:
    """Check those entries that a dataclass has fields for; files of another version may have others.

    Raises:
        MalformedJson: An entry is of another kind than its field; names the place.
    """
    hints = typing.get_type_hints(kind)
    for name in values.keys() & hints.keys():
        build(hints[name], values[name], f"{place}/{name}")


def _build_dataclass(kind: Any, value: Any, place: str) -> Any:
    _require(isinstance(value, dict), kind, value, place)
    fields = {each.name: each for each in dataclasses.fields(kind) if each.init}
    needed = {name for name, each in fields.items() if _has_no_default(each)}
    unknown, missing = sorted(map(str, value.keys() - fields.keys())), sorted(needed - value.keys())
    if unknown or missing:
        raise MalformedJson(
            f"{place} lacks {', '.join(missing) or 'nothing'} and has the unknown "
            f"{', '.join(unknown) or 'nothing'}"
        )
    hints = typing.get_type_hints(kind)
    built = {name: build(hints[name], each, f"{place}/{name}") for name, each in value.items()}
    try:
        return kind(**built)
    except ValueError as refusal:
        raise MalformedJson(f"{place} is refused: {refusal}") from refusal


def _build_union(kinds: tuple[Any, ...], value: Any, place: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(each for each in kinds if each is not type(None))
    for each in kinds[:-1]:
        try:
            return build(each, value, place)
        except MalformedJson:
            continue
    return build(kinds[-1], value, place)


def _has_no_default(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def shown(value: Any) -> str:
    """Return what a value is, in a few words, however deep or long it is."""
    try:
        return f"{reprlib.repr(value):.80}"
    except ValueError:  # of Python, where a number has thousands of digits
        return f"a {type(value).__name__} of very long numbers"


def _require(holds: bool, kind: Any, value: Any, place: str) -> None:
    if not holds:
        name = kind.__name__ if isinstance(kind, type) and not typing.get_args(kind) else str(kind)
        raise MalformedJson(f"{place} must be of the kind {name}, got {shown(value)}")


def _check_depth(text: str, limit: int) -> None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(text):
        character = text[found.start()]
        if character in "[{":
            depth += 1
            if depth > limit:
                raise MalformedJson(f"it is nested deeper than {limit} levels")
        elif character in "]}":
            depth -= 1


def _refuse(name: str) -> None:
    raise MalformedJson(f"it has the constant {name}, which JSON does not know")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedJson(f"it has the number {text:.40}, which is too large")
    return number


def _limited(text: str) -> int:
    if len(text) > len(str(MAX_INTEGER)) + 1 or abs(number := int(text)) >= MAX_INTEGER:
        raise MalformedJson(f"it has the whole number {text:.40}, which is too large")
    return number
