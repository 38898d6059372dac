"""A cluster that cannot be reached is an error at once that says what to do."""

from __future__ import annotations

from typing import Any

import pytest

from agents.engines.faults import NoCluster
from agents.engines.ray import RaySettings
from agents.engines.ray.cluster import Cluster
from tests.support.processes import unanswered
from tests.support.ray_models import ray_model
from tests.support.tiny import UNROLL


def test_no_cluster_to_be_found_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_none(**_: Any) -> None:
        raise ConnectionError("Ray's own advice")

    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", found_none)
    with pytest.raises(ConnectionError, match=r"'auto'.*ray start --head"):
        Cluster(RaySettings(address="auto"))


def test_an_address_where_nothing_answers_is_an_error_at_once() -> None:
    with unanswered() as address:
        with pytest.raises(ConnectionError, match=f"no Ray cluster answers at {address}"):
            ray_model(address=address).learn(UNROLL)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (OSError("AF_UNIX path length cannot exceed 107 bytes"), "cannot exceed 107 bytes; .*RAY_TMPDIR"),
        (FileNotFoundError(2, "No such file", "/nowhere"), "/nowhere.*RAY_TMPDIR"),
        (PermissionError(13, "Permission denied", "/proc/x"), "/proc/x.*RAY_TMPDIR"),
        (ValueError("the node is too small"), "the node is too small$"),
        (RuntimeError("the node timed out"), "the node timed out$"),
    ],
    ids=str,
)
def test_a_ray_that_does_not_start_is_an_error_of_one_sentence(
    problem: Exception, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: Any) -> None:
        raise problem

    ended: list[bool] = []
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setattr("ray.init", fail)
    monkeypatch.setattr("ray.shutdown", lambda: ended.append(True))
    with pytest.raises(NoCluster, match=f"^Ray could not start: .*{told}"):
        Cluster(RaySettings())
    assert ended
