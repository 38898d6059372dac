"""What the settings of every agent are made of: fields that say what they are, and checks that name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


def setting(default: Any, text: str, origin: str, absent: Any = dataclasses.MISSING) -> Any:
    """Return a field of a settings dataclass.

    Args:
        default: Its value where none is given.
        text: What it is, for `--help`.
        origin: Where the default comes from.
        absent: What a file from before there was this setting means by not having it. A setting that joins a
            released agent needs one, or models saved earlier cannot be loaded without naming it.
    """
    known = {} if absent is dataclasses.MISSING else {"absent": absent}
    return dataclasses.field(default=default, metadata={"help": text, "origin": origin, **known})


def absent_settings(kind: type[Any], saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the lack of some settings of `kind` means in a file that holds the settings `saved`."""
    fields = [field for field in dataclasses.fields(kind) if field.name not in saved]
    return {field.name: field.metadata["absent"] for field in fields if "absent" in field.metadata}


@dataclass(frozen=True)
class Settings:
    """The settings of an agent; see `agents.sb3.base.AgentConfig`."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON-able values."""
        return dataclasses.asdict(self)

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{name} must be {what}, got {getattr(self, name)!r}")

    def _require_each(self, names: str, least: int) -> None:
        for name in names.split():
            self._require(name, getattr(self, name) >= least, f"at least {least}")

    def _require_shares(self, names: str) -> None:
        for name in names.split():
            self._require(name, 0 <= getattr(self, name) <= 1, "in [0, 1]")
