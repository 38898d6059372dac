"""The Ray engine gives the serial engine's numbers in lockstep, and does the same work out of step."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from agents.ald import ALD
from agents.engines.ray.cluster import Cluster
from agents.vec_env.make import make_lanes
from tests.support.hidden import CRITIC, POLICY, knowing_lanes
from tests.support.processes import wait_until, workers
from tests.support.ray_models import Steps, ray_model, started
from tests.support.steered import steered_lanes
from tests.support.tiny import LANES, SETTINGS, UNROLL, Rows, differences, everything, maze_lanes, maze_model

pytestmark = pytest.mark.usefixtures("one_thread")

LENGTH = SETTINGS["unroll_length"]


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[Cluster]:
    """A cluster that all models of this file use."""
    with started() as running:
        yield running


def learnt(model: ALD) -> dict[str, Any]:
    """All that training leaves behind in the driver; actors and environments live elsewhere."""
    return {name: part for name, part in everything(model).items() if name not in ("actor", "environment")}


def test_lockstep_equals_the_serial_engine_bit_for_bit_and_leaves_no_worker() -> None:
    models, steps = (maze_model(), ray_model(lockstep=True)), (Steps(), Steps())
    for model, callback in zip(models, steps, strict=True):
        model.learn(5 * UNROLL, callback)
    serial, parallel = models
    assert differences(learnt(serial), learnt(parallel)) == []
    assert len(steps[0].steps) == 5 * LENGTH
    for ours, theirs in zip(steps[1].steps, steps[0].steps, strict=True):
        for info in (*ours["infos"], *theirs["infos"]):
            info.get("episode", {}).pop("t", None)  # seconds
        assert differences(ours, theirs) == []
    assert wait_until(lambda: not workers("ActorWorker") and not workers("DistillerWorker"))
    with pytest.raises(RuntimeError, match="only while a model"):
        parallel.env.get_attr("spec")  # type: ignore[union-attr]


def told_lanes(lanes: int) -> VecEnv:
    """I-Maze in lanes whose infos tell the cue and the goal that was rightly reached."""
    return make_lanes(
        "MemoryEnvs/IMaze-7x7-v0", lanes, {"analysis": ["known_cue", "reached"], "max_episode_steps": 9}
    )


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param({"memory_targets": ("known_cue", "hindsight:reached")}, marks=pytest.mark.slow),
        {"memory_targets": ("known_cue", "hindsight:reward"), "memory_distillation": 0.5},
    ],
)
def test_lockstep_equals_the_serial_engine_with_memory_targets(targets: dict[str, Any]) -> None:
    serial = maze_model(env=told_lanes(LANES), **targets)
    parallel = ray_model(told_lanes, lockstep=True, agent=targets)
    for model in (serial, parallel):
        model.learn(4 * UNROLL)
    assert differences(learnt(serial), learnt(parallel)) == []
    assert any(unroll.memory_label.any() for unroll in serial.replay.unrolls)


@pytest.mark.parametrize(
    "cores",
    [
        pytest.param({"actor_core": "gru", "learner_core": "lstm-gtrxl"}, id="gru"),
        pytest.param({"actor_core": "lru", "learner_core": "lru"}, id="lru", marks=pytest.mark.slow),
    ],
)
def test_lockstep_equals_the_serial_engine_with_other_cores(cores: dict[str, Any]) -> None:
    serial, parallel = maze_model(**cores), ray_model(lockstep=True, agent=cores)
    for model in (serial, parallel):
        model.learn(3 * UNROLL)
    assert differences(learnt(serial), learnt(parallel)) == []


def test_lockstep_equals_the_serial_engine_with_actions_of_a_box() -> None:
    serial = maze_model(env=steered_lanes("box", LANES))
    parallel = ray_model(functools.partial(steered_lanes, "box"), lockstep=True)
    steps = Steps(), Steps()
    for model, callback in zip((serial, parallel), steps, strict=True):
        model.learn(3 * UNROLL, callback)
    assert differences(learnt(serial), learnt(parallel)) == []
    actions = [[step["actions"] for step in each.steps] for each in steps]
    assert differences(*actions) == [] and np.abs(actions).max() == 1.0


@pytest.mark.parametrize(
    "sees", [pytest.param(CRITIC, id="critic", marks=pytest.mark.slow), pytest.param(POLICY, id="policy")]
)
def test_lockstep_equals_the_serial_engine_with_a_learner_that_sees_more(sees: dict[str, Any]) -> None:
    serial = maze_model(env=knowing_lanes(LANES), **sees)
    parallel = ray_model(knowing_lanes, lockstep=True, agent=sees)
    for model in (serial, parallel):
        model.learn(3 * UNROLL)
    assert differences(learnt(serial), learnt(parallel)) == []


@pytest.mark.slow
def test_lockstep_with_several_actors_differs_from_one_in_rounding_alone() -> None:
    one, several = ray_model(lockstep=True), ray_model(lockstep=True, num_actors=2)
    for model in (one, several):
        model.learn(3 * UNROLL)
    ours, theirs = (list(model.policy.state_dict().values()) for model in (one, several))
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)
    actions = [[unroll.action for unroll in model.replay.unrolls] for model in (one, several)]
    assert differences(*actions) == []


@pytest.mark.slow
def test_out_of_step_every_frame_is_told_learnt_and_distilled() -> None:
    model, told, rows = ray_model(num_actors=2, num_distillers=2, queue_length=2), Steps(), Rows()
    model.set_logger(Logger(None, [rows]))
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(10 * UNROLL, told, log_interval=5)
    assert [step["frames"] for step in told.steps] == [LANES * (k + 1) for k in range(10 * LENGTH)]
    assert all(len(step["infos"]) == len(step["dones"]) == LANES for step in told.steps)
    assert any(not torch.equal(old, new) for old, new in zip(before, model.policy.parameters(), strict=True))
    steps = [int(state["step"]) for state in model.policy.optimizer.state.values()]
    wanted = 10 * SETTINGS["distillation_steps"]
    assert all(0.8 * wanted <= count <= wanted for count in steps)  # without locks, a count may be lost
    assert model.learner.updates == 10 * (1 + SETTINGS["learner_replays"])
    first, last = rows.rows
    assert 0 <= last["queue/policy_lag"] <= 2
    for name in ("idle/learner", "idle/actors", "idle/distillers", "busy/learner"):
        assert 0 <= first[name] <= 1
    for name in ("acting", "learning", "distilling"):
        assert last[f"speed/{name}"] > 0 and last[f"time/{name}_seconds"] > 0
    assert last["distillation/steps_per_rl_step"] == pytest.approx(SETTINGS["distillation_steps"], rel=0.5)
    assert last["workers/actors_replaced"] == 0


@pytest.mark.slow
def test_a_batch_of_some_actors_is_learnt_with_the_memory_of_their_lanes() -> None:
    model = ray_model(num_actors=4, unrolls_per_update=2)
    told = Steps()
    model.learn(6 * UNROLL, told)
    assert {len(step["dones"]) for step in told.steps} == {LANES // 2}
    assert told.steps[-1]["frames"] == 6 * UNROLL
    assert model.learner.core_state is not None
    assert {len(part) for part in model.learner.core_state} == {LANES}


@pytest.mark.slow
def test_a_stop_inside_a_batch_goes_on_elsewhere_with_new_episodes(tmp_path: Path) -> None:
    model, told = ray_model(), Steps(stop_at=LENGTH + 2)
    model.learn(10 * UNROLL, told)
    assert model.num_timesteps == LANES * (LENGTH + 2)
    model.save(tmp_path / "model")
    again = ALD.load(tmp_path / "model", maze_lanes())  # the serial engine
    assert differences(again.learner.state_dict()["network"], model.learner.state_dict()["network"]) == []
    again.learn(2 * UNROLL, reset_num_timesteps=False)
    assert again.num_timesteps >= model.num_timesteps + 2 * UNROLL
    assert again.learner.updates > model.learner.updates


@pytest.mark.slow
def test_lanes_begin_the_serial_episodes_at_first_and_others_when_training_goes_on() -> None:
    serial, model = maze_model(), ray_model()
    serial.learn(UNROLL)
    for _ in range(2):
        model.learn(UNROLL, reset_num_timesteps=False)
    [first], (again, anew) = (
        [unroll.observation[0] for unroll in each.replay.unrolls] for each in (serial, model)
    )
    assert torch.equal(first, again) and not torch.equal(first, anew)


@pytest.mark.slow
def test_lanes_answer_while_a_model_learns() -> None:
    model = ray_model(num_actors=2)
    env: Any = model.env
    found: list[Any] = []

    def ask() -> None:
        found.append(env.get_attr("num_envs", [3, 0]))
        env.set_attr("mark", 7)
        found.append(env.get_attr("mark"))

    model.learn(2 * UNROLL, Steps(at={3: ask}))
    assert found == [[2, 2], [7] * LANES]


@pytest.mark.slow
def test_without_a_queue_what_is_learnt_is_acted_on_at_once() -> None:
    model, rows = ray_model(num_actors=2, num_distillers=2), Rows()
    model.set_logger(Logger(None, [rows]))
    model.learn(10 * UNROLL, log_interval=5)
    assert [row["queue/policy_lag"] for row in rows.rows] == [0, 0]
