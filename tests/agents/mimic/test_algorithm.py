"""A student learns, is saved, loaded and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agents.mimic import Mimic
from agents.vec_env.make import make_lanes
from tests.agents.mimic.small import LARGE, SHORT, UNROLL, mazes, student
from tests.support.trees import same


def test_the_student_comes_to_do_on_its_unroll_what_its_teacher_would(one_thread: None) -> None:
    model = student(actor_learning_rate=0.01)
    model.learn(UNROLL)
    unroll = model.replay.unrolls[-1]
    first, *_, last = (model.engine.student.update(unroll) for _ in range(150))
    assert float(last["distillation/agreement"]) > 0.99
    # All that is left is what the teacher leaves open.
    beyond = float(last["distillation/cross_entropy"] - last["distillation/teacher_entropy"])
    assert (
        0 <= beyond < 0.1 < float(first["distillation/cross_entropy"] - first["distillation/teacher_entropy"])
    )


@pytest.mark.parametrize("shown", [{"observation": "rgb"}, {"observation": "tiles"}, {"privileged": "state"}])
def test_teachers_read_whatever_is_shown(shown: dict[str, Any], one_thread: None) -> None:
    model = student(make_lanes(LARGE, 2, {**SHORT, **shown}), unroll_length=4)
    model.learn(16)
    assert float(model.engine._learn()["distillation/teacher_entropy"]) < 1


def test_the_learning_rate_falls(one_thread: None) -> None:
    model = student(final_learning_rates=0.5)
    model.learn(2 * UNROLL)
    rate = model.config.actor_learning_rate
    assert model.policy.optimizer.param_groups[0]["lr"] == pytest.approx(0.5 * rate)


def test_memory_is_taught_beside(one_thread: None) -> None:
    env = make_lanes(LARGE, 3, {**SHORT, "analysis": ["known_cue"]})
    model = student(env, memory_targets=("known_cue",))
    model.learn(UNROLL)
    found = model.engine._learn()
    assert 0 <= float(found["actor/memory_accuracy"]) <= 1 and float(found["distillation/memory_target"]) > 0


def test_a_saved_student_acts_and_goes_on(tmp_path: Path, one_thread: None) -> None:
    model = student()
    model.learn(2 * UNROLL)
    model.save(tmp_path / "student.zip")
    alone = Mimic.load(tmp_path / "student.zip", device="cpu")
    assert same(alone.policy.state_dict(), model.policy.state_dict())
    assert same(alone.policy.optimizer.state_dict(), model.policy.optimizer.state_dict())
    assert alone.num_timesteps == model.num_timesteps == 2 * UNROLL
    seen = np.zeros((1, *model.observation_space.shape), dtype=np.uint8)  # type: ignore[misc]
    torch.manual_seed(0)
    action, memory = alone.predict(seen)
    torch.manual_seed(0)
    assert action == model.predict(seen)[0] and memory is not None
    on = Mimic.load(tmp_path / "student.zip", mazes(), device="cpu")
    on.learn(UNROLL, reset_num_timesteps=False)
    assert on.num_timesteps == 3 * UNROLL
    alone.set_env(mazes())
    alone.learn(UNROLL, reset_num_timesteps=False)
    assert alone.num_timesteps == 3 * UNROLL


def test_episodes_are_not_gone_on_with(tmp_path: Path) -> None:
    model = student()
    model.learn(UNROLL)
    model.save(tmp_path / "student.zip")
    with pytest.raises(ValueError, match="episodes cannot be resumed"):
        Mimic.load(tmp_path / "student.zip", mazes(), device="cpu", force_reset=False)


def test_a_file_needs_its_teacher_to_learn_alone(tmp_path: Path) -> None:
    student().save(tmp_path / "teacher.zip")
    model = student(teachers=str(tmp_path / "teacher.zip"))
    model.learn(UNROLL)
    model.save(tmp_path / "student.zip")
    (tmp_path / "teacher.zip").unlink()
    Mimic.load(tmp_path / "student.zip", device="cpu")
    with pytest.raises(ValueError, match="there is no teacher"):
        Mimic.load(tmp_path / "student.zip", mazes(), device="cpu")


def test_an_unroll_that_was_broken_off_is_completed(one_thread: None) -> None:
    whole, parts = student(), student()
    whole.learn(2 * UNROLL)
    seen: list[Any] = []

    def stop(names: dict[str, Any], _: Any) -> bool:
        seen.append(names["self"].num_timesteps)
        return len(seen) != 3

    parts.learn(2 * UNROLL, callback=stop)
    assert parts.num_timesteps == 9
    parts.learn(2 * UNROLL - 9, reset_num_timesteps=False)
    assert same(parts.policy.state_dict(), whole.policy.state_dict())


def test_one_that_was_broken_off_is_forgotten_where_episodes_begin_anew(one_thread: None) -> None:
    model = student()
    model.learn(UNROLL, callback=lambda names, _: model.num_timesteps < 9)
    model.learn(UNROLL)
    assert model.num_timesteps == UNROLL and len(model.replay) == 1
