"""What was found of each task, as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memory_envs.certificate import Certificate
from memory_envs.files import write_json
from memory_envs.registry.json_text import build, read_file, shown


@dataclass(frozen=True)
class Record:
    """What was found of one task.

    Attributes:
        certificate: What memory is worth; None where the task was refused.
        memory_states: How many memory states a deterministic policy needs, in words; None where unknown.
        refused: Why it was refused, in a sentence; None where it was not.
    """

    certificate: Certificate | None = None
    memory_states: str | None = None
    refused: str | None = None


def write(records: Mapping[str, Record], path: Path) -> None:
    """Write records to a file, which appears only once it is whole."""
    write_json(path, {name: _to_json(each) for name, each in records.items()})


def read(path: Path) -> dict[str, Record]:
    """Return the records of a file that `write` wrote.

    Raises:
        ValueError: It says something else.
        OSError: It cannot be read.
    """
    return {name: _from_json(each, name) for name, each in read_file(path).items()}


def _to_json(record: Record) -> dict[str, Any]:
    certificate = None if record.certificate is None else record.certificate.to_json()
    return {
        "certificate": certificate,
        "memory_states": record.memory_states,
        "refused": record.refused,
    }


def _from_json(content: Any, name: str) -> Record:
    if not isinstance(content, dict) or set(content) != {"certificate", "memory_states", "refused"}:
        raise ValueError(f"{name} must hold certificate, memory_states and refused, got {shown(content)}")
    certificate = content["certificate"]
    return Record(
        None if certificate is None else Certificate.from_json(certificate),
        build(str | None, content["memory_states"], f"{name}/memory_states"),
        build(str | None, content["refused"], f"{name}/refused"),
    )
