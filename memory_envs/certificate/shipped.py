"""The certificates that ship with the package, and scores relative to them."""

import functools
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from memory_envs.certificate.report import Certificate, Level
from memory_envs.files import replacing
from registry.lookup import look_up

FILE = "certificates.json"
METRICS = ("return", "success")

_MODULE = "memory_envs:"


def reference(env_id: str) -> Certificate:
    """Return the certificate of an id with its registered settings, computed before the release.

    Args:
        env_id: A registered id, also in the form "memory_envs:MemoryEnvs/IMaze-v0" that Gymnasium takes.

    Raises:
        ValueError: No certificate ships for the id.
    """
    return look_up(_shipped(), "certificate of", env_id.removeprefix(_MODULE))


def normalized_score(env_id: str, value: float, metric: str = "return") -> float:
    """Return where a mean return or success lies between no memory, 0, and perfect memory, 1.

    Both ends are those of `reference(env_id)`. Where the certificate holds intervals, they are the lower
    ends: the values of the best policies known.

    Args:
        env_id: As in `reference`.
        value: Mean over episodes.
        metric: "return" or "success".

    Raises:
        ValueError: No certificate ships for the id, the metric is unknown, or memory is worth nothing there.
    """
    if metric not in METRICS:
        raise ValueError(f"metric must be one of {', '.join(map(repr, METRICS))}, got {metric!r}")
    certificate = reference(env_id)
    without, perfect = _value(certificate.memoryless, metric), _value(certificate.perfect_memory, metric)
    if perfect <= without:
        raise ValueError(
            f"memory adds nothing to the {metric} of {env_id}: {without} without, {perfect} with"
        )
    return (value - without) / (perfect - without)


def save(certificates: Iterable[Certificate], path: Path) -> None:
    """Write certificates to a JSON file, by id; it appears only once it is whole."""
    content = json.dumps({each.id: each.to_json() for each in certificates}, indent=1) + "\n"
    with replacing(path) as file:
        file.write_bytes(content.encode())


def load(text: str) -> dict[str, Certificate]:
    """Return the certificates, by id, of a text that `save` wrote."""
    return {name: Certificate.from_json(each) for name, each in json.loads(text).items()}


@functools.cache
def _shipped() -> dict[str, Certificate]:
    return load(resources.files(__package__).joinpath(FILE).read_text(encoding="utf-8"))


def _value(level: Level, metric: str) -> float:
    return (level.success if metric == "success" else level.episode_return).lower
