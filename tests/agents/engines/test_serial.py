"""The serial engine wires the parts as figure 2 of the paper does; the replay keeps its bounds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch

from agents.engines.serial import SerialEngine
from agents.learning.config import ALDConfig
from agents.learning.replay import Replay
from agents.learning.unroll import LearnerOutputs, Unroll
from agents.sb3 import checkpoint
from tests.support.tiny import LANES, SETTINGS, UNROLL, differences, everything, maze_lanes, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 4


def go_on(step: Mapping[str, Any]) -> bool:
    return True


def unroll(advantage: list[float], mark: int = 0) -> Unroll:
    """An unroll with one lane per advantage; its actions are `mark`, its rewards count the lanes."""
    lanes = len(advantage)
    logits, flags = torch.zeros(STEPS, lanes, 2), torch.zeros(STEPS, lanes, dtype=torch.bool)
    reward = torch.arange(lanes).expand(STEPS, lanes).float()
    advantages = torch.tensor(advantage).expand(STEPS, lanes)
    return Unroll(
        observation=torch.zeros(STEPS + 1, lanes, 1),
        is_first=torch.zeros(STEPS + 1, lanes, dtype=torch.bool),
        action=torch.full((STEPS, lanes), mark),
        reward=reward,
        terminated=flags,
        truncated=flags,
        behaviour_logits=logits,
        actor_state=(torch.zeros(lanes, 1),),
        final_time=torch.zeros(0, dtype=torch.int64),
        final_lane=torch.zeros(0, dtype=torch.int64),
        final_observation=torch.zeros(0, 1),
        learner_state=(torch.zeros(lanes, 1),),
        learner=LearnerOutputs(logits, reward, torch.tensor(1.0), advantages),
    )


# --- The engine -----------------------------------------------------------------------------------


class Diary:
    """Stands in for all parts and writes down what it is asked for."""

    def __init__(self, stopped: bool = False) -> None:
        self.stopped, self.calls = stopped, []

    def collect(self, env: Any, on_step: Any, on_collected: Callable[[], None]) -> str | None:
        self.calls.append("collect")
        if self.stopped:
            return None
        on_collected()
        return "collected"

    def add(self, item: Any) -> None:
        self.calls.append(f"add {item.action[0, 0]}")

    def sample(self, latest: int) -> str:
        return f"one of the last {latest}"

    def sample_lanes(self, count: int) -> str:
        return f"{count} lanes"

    def replay(self, item: str) -> dict[str, Any]:
        self.calls.append(f"replay {item}")
        return {"learner": "replayed"}


class Learns(Diary):
    """The learner's part of the diary."""

    def update(self, item: Any, on_outputs: Any) -> tuple[Unroll, dict[str, Any]]:
        self.calls.append(f"learn from {item}")
        attached = unroll([1.0, 2.0, 3.0], mark=7)
        on_outputs(attached, {})
        return attached, {"learner": "updated"}


class Distils(Diary):
    """The distiller's part of the diary."""

    config: ALDConfig

    def update(self, item: Any) -> dict[str, Any]:
        self.calls.append(f"distil {item}")
        return {"distiller": "updated"}


def diary(stopped: bool = False, **settings: Any) -> tuple[SerialEngine, list[str]]:
    parts = Diary(stopped), Learns(), Diary(), Distils()
    for part in parts[1:]:
        part.calls = parts[0].calls
    config = parts[3].config = ALDConfig(**settings)
    return SerialEngine(*parts, config), parts[0].calls  # type: ignore[arg-type]


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
        *("collect", "told", "learn from collected", "add 7"),
        *[f"replay {drawn}"] * 2,
        *["distil one of the last 4"] * 3,
    ]
    ratio = {"distillation/steps_per_learner_update": 1.0}  # 3 steps, and 1 + 2 updates
    assert metrics == {"learner": "updated", "distiller": "updated"} | ratio


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
    whole.engine.advance(whole.env, go_on)
    collected = parts.actor.collect(parts.env, go_on)
    assert collected is not None
    attached, _ = parts.learner.update(collected)
    parts.replay.add(attached)
    for _ in range(SETTINGS["learner_replays"]):
        parts.learner.replay(parts.replay.sample_lanes(parts.config.replay_lanes or LANES))
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
    model.actor.collect(model.env, go_on)  # type: ignore[arg-type]
    model.distiller.update(model.replay.sample())
    assert runs == []


# --- The replay -----------------------------------------------------------------------------------


def filled(capacity: int, count: int, seed: int = 0) -> Replay:
    replay = Replay(capacity, seed)
    for mark in range(count):
        replay.add(unroll([1.0, 1.0], mark))
    return replay


def mark(sampled: Unroll) -> int:
    return int(sampled.action[0, 0])


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_oldest_goes_first(count: int) -> None:
    replay = filled(3, count)
    assert len(replay) == min(count, 3)
    assert {mark(replay.sample()) for _ in range(100)} == set(range(max(0, count - 3), count))


def test_whole_unrolls_are_sampled_uniformly_from_the_latest() -> None:
    replay = filled(10, 10)
    drawn = Counter(mark(replay.sample(4)) for _ in range(4000))
    assert set(drawn) == {6, 7, 8, 9}
    assert all(abs(count - 1000) < 120 for count in drawn.values())
    assert {mark(replay.sample(99)) for _ in range(200)} == set(range(10))


@pytest.mark.parametrize(
    ("exponent", "shares"), [(0.0, [1, 1, 1, 1]), (1.0, [1, 4, 2, 3]), (2.0, [1, 16, 4, 9])]
)
def test_lanes_are_sampled_by_the_size_of_their_advantage(exponent: float, shares: list[int]) -> None:
    replay = Replay(4, 0, exponent)
    replay.add(unroll([1.0, -4.0], mark=0))
    replay.add(unroll([2.0, 3.0], mark=1))
    joined = replay.sample_lanes(4000)
    drawn = (2 * joined.action[0] + joined.reward[0].long()).bincount(minlength=4) / 4000
    np.testing.assert_allclose(drawn, np.array(shares) / sum(shares), atol=0.03)


def test_lanes_without_advantage_are_sampled_only_if_no_lane_has_any() -> None:
    replay = Replay(4, 0)
    replay.add(unroll([0.0, 0.0]))
    assert set(replay.sample_lanes(50).reward[0].tolist()) == {0.0, 1.0}
    replay.add(unroll([0.0, 1.0], mark=1))
    joined = replay.sample_lanes(50)
    assert set(joined.reward[0].tolist()) == {1.0} and set(joined.action[0].tolist()) == {1}


def test_lanes_of_unrolls_of_several_widths_are_joined() -> None:
    replay = Replay(4, 0)
    replay.add(unroll([1.0], mark=0))
    replay.add(unroll([1.0, 1.0, 1.0], mark=1))
    assert replay.sample_lanes(40).lanes == 40
    assert replay.sample_lanes(40).action.float().mean() == pytest.approx(0.75, abs=0.2)


def test_samples_are_decided_by_the_seed() -> None:
    one, same, other = filled(9, 9), filled(9, 9, seed=5), filled(9, 9, seed=1)
    same.seed(0)
    drawn = [[mark(replay.sample()) for _ in range(20)] for replay in (one, same, other)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_replay_goes_on_from_its_state_in_a_file(tmp_path: Any) -> None:
    replay, other = filled(5, 8), Replay(5, 77)
    replay.sample()
    checkpoint.save(tmp_path / "replay", replay.state_dict())
    other.load_state_dict(checkpoint.load(tmp_path / "replay"))
    assert differences(replay.state_dict(), other.state_dict()) == []
    for _ in range(10):
        assert mark(replay.sample()) == mark(other.sample())
        pair = (each.sample_lanes(3).to_tree() for each in (replay, other))
        assert differences(*pair) == []


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        Replay(0, 0)
    for draw in (Replay(1, 0).sample, lambda: Replay(1, 0).sample_lanes(1)):
        with pytest.raises(IndexError, match="add an unroll first"):
            draw()
    with pytest.raises(ValueError, match="pass it to the learner first"):
        Replay(1, 0).add(unroll([1.0])._replace(learner=None))
