"""The certificates that ship with the package, and scores relative to them."""

import functools
import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from memory_envs.certificate.report import Certificate
from memory_envs.certificate.targets import certify
from memory_envs.files import replacing
from memory_envs.registry.envs import registered_id
from memory_envs.registry.json_text import read_object
from memory_envs.registry.lookup import look_up
from memory_envs.registry.specs import task_settings

FILE = "certificates.json"
METRICS = ("return", "success")


def reference(env_id: str) -> Certificate:
    """Return the certificate of an id with its registered settings, computed before the release.

    Args:
        env_id: A registered id, also in the form "memory_envs:MemoryEnvs/IMaze-v0" that Gymnasium takes.

    Raises:
        ValueError: No certificate ships for the id.
    """
    return look_up(_shipped(), "certificate of", registered_id(env_id))


def normalized_score(
    env_id: str | None,
    value: float,
    metric: str = "return",
    *,
    env_kwargs: Mapping[str, Any] | None = None,
    certificate: Certificate | None = None,
) -> float:
    """Return where a mean return or success lies between no memory, 0, and perfect memory, 1.

    Where the certificate holds intervals, the ends are the lower ones: values of the best policies known.

    Args:
        env_id: As in `reference`. With a `certificate` it may be None, or must be the id of that one.
        value: Mean over episodes.
        metric: "return" or "success".
        env_kwargs: Settings of the environment. Where they are not those of the shipped certificate, one is
            computed, once in a process: seconds for an I-Maze, minutes for a Meta-Fetch.
        certificate: What `memory_envs.certify` returned, for a task of one's own or to save computing it;
            None takes `reference(env_id)`, or the one of `env_kwargs`.

    Raises:
        TypeError: `certificate` is no `Certificate`, or comes with `env_kwargs`, which it has been made with.
        ValueError: No certificate ships for the id, the metric is unknown, the certificate is one of another
            id, or memory is worth nothing there.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(map(repr, METRICS))}, got {metric!r}")
    found = _certificate(env_id, task_settings(env_kwargs or {}), certificate)
    without, perfect = found.memoryless.by(metric).lower, found.perfect_memory.by(metric).lower
    if perfect <= without:
        raise ValueError(
            f"memory adds nothing to the {metric} of {found.id}: {without} without, {perfect} with"
        )
    return (value - without) / (perfect - without)


def _certificate(
    env_id: str | None, env_kwargs: Mapping[str, Any], certificate: Certificate | None
) -> Certificate:
    if certificate is None:
        if env_id is None:
            raise ValueError("env_id must be an id where no certificate is given, got None")
        return reference_with(env_id, env_kwargs)
    if not isinstance(certificate, Certificate):
        raise TypeError(f"certificate must be a Certificate or None, got {certificate!r:.80}")
    if env_kwargs:
        raise TypeError(
            f"env_kwargs {dict(env_kwargs)} and a certificate, which has its own, exclude each other"
        )
    if env_id is not None and registered_id(env_id) != certificate.id:
        raise ValueError(f"the certificate is that of {certificate.id!r}, got env_id {env_id!r}")
    return certificate


def reference_with(env_id: str, env_kwargs: Mapping[str, Any]) -> Certificate:
    """Return the certificate of an id with settings of the task: that which ships, or computed, but once.

    Raises:
        ValueError: No certificate ships for the id, or the settings are none of its environment.
    """
    shipped = reference(env_id)
    if shipped.settings | dict(env_kwargs) == shipped.settings:
        return shipped
    return _computed(shipped.id, tuple(sorted(env_kwargs.items())))


@functools.lru_cache(maxsize=32)
def _computed(env_id: str, env_kwargs: tuple[tuple[str, Any], ...]) -> Certificate:
    return certify(env_id, env_kwargs=dict(env_kwargs))


def save(certificates: Iterable[Certificate], path: Path) -> None:
    """Write certificates to a JSON file, by id; it appears only once it is whole."""
    content = json.dumps({each.id: each.to_json() for each in certificates}, indent=1) + "\n"
    with replacing(path) as file:
        file.write_bytes(content.encode())


def load(text: str) -> dict[str, Certificate]:
    """Return the certificates, by id, of a text that `save` wrote.

    Raises:
        ValueError: The text says something else.
    """
    return {name: Certificate.from_json(each) for name, each in read_object(text).items()}


@functools.cache
def _shipped() -> dict[str, Certificate]:
    return load(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
