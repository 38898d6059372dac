"""What the settings of every agent are made of: fields that say what they are, and checks that name them."""

from __future__ import annotations

import dataclasses
import functools
import math
import numbers
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from memory_envs.registry.lookup import did_you_mean

_KINDS = {int: "a whole number", float: "a finite number", bool: "True or False", str: "a string"}


def setting(
    default: Any, text: str, origin: str, absent: Any = dataclasses.MISSING, falls_by: str | None = None
) -> Any:
    """Return a field of a settings dataclass.

    Args:
        default: Its value where none is given.
        text: What it is, for `--help`.
        origin: Where the default comes from.
        absent: What a file from before there was this setting means by not having it. A setting that joins a
            released agent needs one, or models saved earlier cannot be loaded without naming it.
        falls_by: The setting that lets it fall linearly in the course of training, if there is one.
    """
    known = {} if absent is dataclasses.MISSING else {"absent": absent}
    falling = {} if falls_by is None else {"falls_by": falls_by}
    return dataclasses.field(default=default, metadata={"help": text, "origin": origin, **known, **falling})


def absent_settings(kind: type[Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the lack of some settings of `kind` means in a file that holds the settings `saved`."""
    fields = [field for field in dataclasses.fields(kind) if field.name not in saved]
    return {field.name: field.metadata["absent"] for field in fields if "absent" in field.metadata}


@dataclass(frozen=True)
class Settings:
    """The settings of an agent; see `agents.sb3.base.AgentConfig`."""

    def __post_init__(self) -> None:
        """Check that each value is of the type of its field; NumPy's numbers become Python's, a name names.

        Raises:
            ValueError: It is of another; names the setting, the value and what it must be.
        """
        kind: Any = type(self)
        hints = _hints(kind)
        for field in dataclasses.fields(self):
            value, hint = _plain(getattr(self, field.name)), hints[field.name]
            if hint == tuple[str, ...] and isinstance(value, str):
                value = (value,)
            if not _is_of(value, hint):
                falls_by = field.metadata.get("falls_by")
                way_out = f": {falls_by} lets it fall linearly" if callable(value) and falls_by else ""
                shown = "a function" if callable(value) else repr(value)
                meant = did_you_mean(value, choices) if (choices := _choices(hint)) else ""
                raise ValueError(f"{field.name} must be {_described(hint)}, got {shown}{meant}{way_out}")
            object.__setattr__(self, field.name, value)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values."""
        return dataclasses.asdict(self)

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{name} must be {what}, got {getattr(self, name)!r}")

    def _require_choice(self, name: str, choices: Iterable[str]) -> None:
        """Refuse what is none of the choices, with the one that was meant."""
        choices, value = tuple(choices), getattr(self, name)
        if value not in choices:
            raise ValueError(
                f"{name} must be {_one_of(choices)}, got {value!r}{did_you_mean(value, choices)}"
            )

    def _require_each(self, names: str, least: int) -> None:
        for name in names.split():
            self._require(name, getattr(self, name) >= least, f"at least {least}")

    def _require_shares(self, names: str) -> None:
        for name in names.split():
            self._require(name, 0 <= getattr(self, name) <= 1, "in [0, 1]")


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):  # JSON has lists only
        return tuple(map(_plain, value))
    return value.item() if isinstance(value, np.generic) else value


def _is_of(value: Any, hint: Any) -> bool:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_is_of(value, each) for each in choices)
    if origin is typing.Literal:
        return isinstance(value, str) and value in choices
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_of(each, choices[0]) for each in value)
    if hint not in (int, float):
        return isinstance(value, hint)
    if isinstance(value, bool) or not isinstance(value, numbers.Integral if hint is int else numbers.Real):
        return False
    return abs(int(value)) < 2**63 if isinstance(value, numbers.Integral) else math.isfinite(value)


def _choices(hint: Any) -> tuple[str, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()


def _described(hint: Any) -> str:
    origin, choices = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(_described, choices))
    if origin is typing.Literal:
        return _one_of(choices)
    if origin is tuple:
        return "names" if choices[0] is str else "whole numbers"
    return "None" if hint is type(None) else _KINDS[hint]


def _one_of(choices: Iterable[str]) -> str:
    return f"one of {', '.join(choices)}"
