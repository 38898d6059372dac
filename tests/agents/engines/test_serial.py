"""The serial engine wires the parts as figure 2 of the paper does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import torch

from agents.engines.serial import SerialEngine
from agents.learning.config import ALDConfig
from agents.learning.finite import LossNotFinite
from agents.learning.learner import Evaluated
from agents.vec_env.steps import GymnasiumSteps
from tests.support.learners import update
from tests.support.scripted import go_on
from tests.support.tiny import LANES, SETTINGS, UNROLL, differences, everything, maze_lanes, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")


class Diary:
    """Stands in for all parts of an engine and writes down what each is asked for.

    The learner attaches its outputs, a copy of the unroll of three lanes, and its loss says what it is of.
    """

    def __init__(self, stopped: bool, config: ALDConfig) -> None:
        self.stopped, self.config = stopped, config
        self.calls: list[str] = []

    def collect(self, env: Any, on_step: Any, on_collected: Callable[[], None]) -> str | None:
        self.calls.append("collect")
        if self.stopped:
            return None
        on_collected()
        return "collected"

    def evaluate(self, item: Any) -> Evaluated:
        self.calls.append(f"evaluate {item}")
        return Evaluated(Attached(item), f"loss of {item}", {"learner": "evaluated"})  # type: ignore[arg-type]

    def apply(self, loss: Any) -> dict[str, Any]:
        self.calls.append(f"apply {loss}")
        return {"learner": "applied"}

    def add(self, item: Any) -> None:
        self.calls.append(f"keep {item}")

    def sample(self, latest: int) -> str:
        return f"one of the last {latest}"

    def sample_lanes(self, count: int) -> str:
        return f"{count} lanes"

    def update(self, item: Any, with_health: bool) -> dict[str, Any]:
        self.calls.append(f"distil {item}")
        return {"distiller": "updated"}


class Attached(str):
    """The name of an unroll that the learner has seen."""

    lanes = 3


def diary(stopped: bool = False, **settings: Any) -> tuple[SerialEngine, list[str]]:
    part: Any = Diary(stopped, ALDConfig(**settings))
    return SerialEngine(part, part, part, part, part.config), part.calls


@pytest.mark.parametrize(("lanes", "drawn"), [(5, "5 lanes"), (None, "3 lanes")])
def test_unrolls_flow_one_way(lanes: int | None, drawn: str) -> None:
    settings = {
        "learner_replays": 2,
        "replay_lanes": lanes,
        "distillation_steps": 3,
        "distillation_window": 4,
    }
    engine, calls = diary(**settings)
    metrics = engine.advance(None, go_on, lambda: calls.append("told"))  # type: ignore[arg-type]
    assert calls == [
        *("collect", "told", "evaluate collected", "keep collected", "apply loss of collected"),
        *(f"evaluate {drawn}", f"apply loss of {drawn}") * 2,
        *["distil one of the last 4"] * 3,
    ]
    ratio = {"distillation/steps_per_learner_update": 1.0}  # 3 steps, and 1 + 2 updates
    assert metrics == {"learner": "applied", "distiller": "updated"} | ratio


def test_nothing_is_learned_from_an_unroll_that_was_stopped() -> None:
    engine, calls = diary(stopped=True)
    assert engine.advance(None, go_on) is None  # type: ignore[arg-type]
    assert calls == ["collect"]


def test_seconds_are_told_per_part_and_once() -> None:
    engine, _ = diary()
    assert engine.take_seconds() == {}
    begin = time.perf_counter()
    engine.advance(None, go_on)  # type: ignore[arg-type]
    elapsed, seconds = time.perf_counter() - begin, engine.take_seconds()
    assert set(seconds) == {"acting", "learning", "distilling"}
    assert all(value > 0 for value in seconds.values()) and sum(seconds.values()) <= elapsed
    assert engine.take_seconds() == {}


def test_a_turn_equals_its_parts_one_after_the_other() -> None:
    whole, parts = maze_model(), maze_model()
    for model in (whole, parts):
        model.learn(UNROLL)
    assert whole.env is not None and parts.env is not None
    whole.engine.advance(GymnasiumSteps(whole.env), go_on)
    collected = parts.actor.collect(GymnasiumSteps(parts.env), go_on)
    assert collected is not None
    attached, _ = update(parts.learner, collected)
    parts.replay.add(attached)
    for _ in range(SETTINGS["learner_replays"]):
        update(parts.learner, parts.replay.sample_lanes(parts.config.replay_lanes or LANES))
    for _ in range(SETTINGS["distillation_steps"]):
        parts.distiller.update(parts.replay.sample(parts.config.distillation_window))
    assert differences(everything(whole), everything(parts)) == []


def test_the_actor_acts_with_the_weights_that_are_distilled() -> None:
    model = maze_model()
    assert model.actor.network is model.distiller.network
    assert {id(p) for p in model.actor.network.parameters()} == {id(p) for p in model.policy.parameters()}


def test_the_transformer_never_acts() -> None:
    model = maze_model()

    def refuse(*args: Any) -> None:
        raise AssertionError("the learner was asked for an action")

    model.learner.network.step = refuse  # type: ignore[method-assign,assignment]
    model.learn(UNROLL)
    env, runs = maze_lanes(), []
    env.reset()
    model.learner.network.register_forward_hook(lambda *_: runs.append("run"))
    model.actor.collect(GymnasiumSteps(model.env), go_on)  # type: ignore[arg-type]
    model.distiller.update(model.replay.sample())
    assert runs == []


@pytest.mark.parametrize("part", ["learner", "actor"])
def test_a_loss_that_is_not_finite_stops_training_with_the_unroll(part: str) -> None:
    model = maze_model()
    model.learn(UNROLL)
    network = model.learner.network if part == "learner" else model.actor.network
    with torch.no_grad():
        head = network.value_head[-1].head if part == "actor" else network.value_head  # type: ignore[index]
        head.bias.fill_(float("nan"))  # type: ignore[union-attr, operator]
    name = "loss/value" if part == "learner" else "distillation/value_gap"
    with pytest.raises(LossNotFinite, match=f"{name} is nan") as caught:
        model.learn(UNROLL)
    assert caught.value.unroll is not None and caught.value.unroll.lanes == LANES
