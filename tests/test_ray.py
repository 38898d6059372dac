"""The Ray engine gives the serial engine's numbers in lockstep, and does the same work out of step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ray_models import ray_model, started
from tests.tiny import UNROLL, differences, everything, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster that all models of this file use."""
    with started():
        yield


def learnt(model: object) -> dict[str, object]:
    """All that training leaves behind in the driver; actors and environments live elsewhere."""
    state = everything(model)  # type: ignore[arg-type]
    return {name: part for name, part in state.items() if name not in ("actor", "environment")}


def test_lockstep_equals_the_serial_engine_bit_for_bit() -> None:
    serial, parallel = maze_model(), ray_model(lockstep=True)
    for model in (serial, parallel):
        model.learn(5 * UNROLL)
    assert differences(learnt(serial), learnt(parallel)) == []
