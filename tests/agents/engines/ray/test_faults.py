"""Processes that die, hang or raise: training goes on, or ends saying why, and leaves nothing behind."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from agents.engines.faults import EnvironmentFailed, WaitedTooLong, WorkersDied
from agents.learning.finite import LossNotFinite
from tests.support.processes import wait_until, workers
from tests.support.ray_models import CueLost, Steps, fragile_lanes, ray_model, started
from tests.support.tiny import LANES, SETTINGS, UNROLL

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]

LENGTH = SETTINGS["unroll_length"]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """A cluster that all models of this file use."""
    with started():
        yield


@pytest.fixture(autouse=True)
def no_worker_is_left() -> Iterator[None]:
    """After success and failure alike."""
    yield
    assert wait_until(lambda: not workers("ActorWorker") and not workers("DistillerWorker"))


def fragile(how: str, last: int = 2 * LENGTH + 2) -> Any:
    return functools.partial(fragile_lanes, last, how)


def kill(kind: str) -> None:
    os.kill(workers(kind)[0], signal.SIGKILL)


@pytest.mark.parametrize("kind", ["ActorWorker", "DistillerWorker"])
def test_a_killed_worker_is_replaced_and_training_goes_on(kind: str) -> None:
    model = ray_model(num_actors=2, num_distillers=2)
    told = Steps(at={2 * LENGTH: lambda: kill(kind), 7 * LENGTH: lambda: kill(kind)})
    model.learn(12 * UNROLL, told)
    assert len(told.steps) == 12 * LENGTH
    replaced = model.engine.take_figures()
    name = "actors" if kind == "ActorWorker" else "distillers"
    assert replaced[f"workers/{name}_replaced"] == 2
    assert sum(replaced[f"workers/{each}_replaced"] for each in ("actors", "distillers")) == 2


def test_an_environment_that_raises_ends_the_run_with_its_traceback_and_its_actions() -> None:
    told = Steps()
    with pytest.raises(CueLost) as caught:
        ray_model(fragile("raise")).learn(10 * UNROLL, told)
    assert isinstance(caught.value, EnvironmentFailed)
    assert "the cue is gone" in str(caught.value) and "in fail" in str(caught.value)
    [lane] = caught.value.lanes
    assert (lane["lane"], lane["seed"]) == (2, 2)
    assert len(told.steps) == 2 * LENGTH  # what was whole was learnt
    # Episodes last two steps, and the second step of the one at hand was not survived.
    assert len(lane["actions"]) == 2 and lane["episode"] == LENGTH
    assert set(lane["actions"]) <= {0, 1}


def test_an_environment_that_hangs_is_named_after_the_limit() -> None:
    with pytest.raises(WaitedTooLong, match=r"nothing came from actors 0 \(collect\) for 15 s"):
        ray_model(fragile("hang"), wait_seconds=15.0).learn(10 * UNROLL)


def test_workers_that_die_again_and_again_end_the_run() -> None:
    with pytest.raises(WorkersDied, match="2 actors died in a row"):
        ray_model(fragile("exit", last=2), max_deaths_in_a_row=1).learn(10 * UNROLL)


def test_a_cluster_without_room_is_an_error_that_says_so() -> None:
    with pytest.raises(WaitedTooLong, match=r"is there room for them in the cluster"):
        ray_model(worker_cpus=1000, wait_seconds=3.0).learn(UNROLL)


def test_lanes_that_cannot_be_shared_are_refused() -> None:
    with pytest.raises(ValueError, match=f"divide the {LANES} lanes evenly, got 3: choose one of 1, 2, 4"):
        ray_model(num_actors=3)


def test_a_loss_that_is_not_finite_in_a_distiller_ends_the_run_with_the_unroll() -> None:
    model = ray_model()
    with torch.no_grad():
        model.actor.network.value_head[-1].head.bias.fill_(float("nan"))  # type: ignore[index,union-attr]
    with pytest.raises(LossNotFinite, match="distillation/value_gap is nan") as caught:
        model.learn(10 * UNROLL)
    assert caught.value.unroll is not None and caught.value.unroll.lanes == LANES
