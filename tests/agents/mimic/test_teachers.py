"""What teachers answer: by the task, the temperature and the memory of what the student did."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from agents.ald import ALD
from agents.baselines import PPOAgent
from agents.mimic.teachers import ModelTeacher, ReferenceTeacher, Teachers, teachers_of
from agents.vec_env.make import make_lanes
from memory_envs.policies import PerfectMemoryPolicy
from tests.agents.mimic.small import LARGE, SHORT, SMALL, UNROLL, mazes, student
from tests.support.tiny import SETTINGS, cue_lanes, vmpo_model


class Parrot:
    """Answers with what it was shown, and notes what it is told."""

    def __init__(self) -> None:
        self.told: list[list[int]] = []

    def asked(self, observation: Any, is_first: Tensor) -> Tensor:
        return observation

    def took(self, actions: np.ndarray) -> None:
        self.told.append(actions.tolist())


def of(*chosen: str, env: Any, temperature: float = 1.0) -> Teachers:
    return teachers_of(env, chosen, temperature, torch.device("cpu"), 0)


def test_the_temperature_divides_the_logits_of_the_teacher() -> None:
    logits = torch.tensor([[0.0, math.log(9)], [2.0, -math.inf], [0.0, 0.0]])
    chances = Teachers([(Parrot(), 3)], 2.0).asked(logits, torch.ones(3, dtype=torch.bool)).exp()
    torch.testing.assert_close(chances, torch.tensor([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]]))


def test_each_teacher_has_the_lanes_of_its_task() -> None:
    one, other = Parrot(), Parrot()
    teachers, shown = Teachers([(one, 2), (other, 1)], 1.0), torch.randn(3, 4).log_softmax(-1)
    torch.testing.assert_close(teachers.asked(shown, torch.ones(3, dtype=torch.bool)), shown)
    teachers.took(np.array([5, 6, 7]))
    assert (one.told, other.told) == ([[5, 6]], [[7]])


def test_the_belief_of_a_teacher_follows_the_actions_of_the_student() -> None:
    """Each answer is that of a policy in a single environment that is told what the student did."""
    model = student()
    model.learn(4 * UNROLL)
    policies: list[Any] = [
        PerfectMemoryPolicy(gymnasium.make(each, **SHORT)) for each in (SMALL, SMALL, LARGE)
    ]
    parted = 0
    for unroll in model.replay.unrolls:
        assert unroll.learner is not None
        for step in range(unroll.length):
            for lane, policy in enumerate(policies):
                if unroll.is_first[step, lane]:
                    policy.reset()
                answer, done = unroll.learner.policy[step, lane], int(unroll.action[step, lane])
                own = policy(unroll.observation[step, lane].numpy())
                policy.took(done)
                good = answer.exp() > 0
                assert good[own] and answer.exp().sum() == pytest.approx(1)
                torch.testing.assert_close(answer[good].exp(), (1 / good.sum()).expand(int(good.sum())))
                parted += not good[done]
    assert parted > 10  # the student did what no teacher would have done


def test_a_teacher_that_follows_itself_is_soon_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = student()

    def asked(self: Any, observation: Any, is_first: Tensor) -> Tensor:
        chances = self._lanes.chances(is_first.numpy())
        self.answer = chances.argmax(axis=1)
        return torch.as_tensor(chances, dtype=torch.float32).log()

    monkeypatch.setattr(ReferenceTeacher, "asked", asked)
    monkeypatch.setattr(ReferenceTeacher, "took", lambda self, actions: self._lanes.took(self.answer))
    with pytest.raises(gymnasium.error.ResetNeeded, match="cannot follow"):
        model.learn(500)


def test_a_model_teaches_by_its_memory_of_what_the_student_saw(one_thread: None) -> None:
    trained = student()
    network = trained.policy.as_network().eval()
    teacher, generator = ModelTeacher(network, 3), torch.Generator().manual_seed(0)
    seen = torch.randint(2, (6, 3, 54), generator=generator, dtype=torch.uint8)
    is_first = torch.rand(6, 3, generator=generator) < 0.3
    with torch.no_grad():
        whole, _ = network(seen, network.initial_state(3), is_first)
    for step in range(6):
        torch.testing.assert_close(teacher.asked(seen[step], is_first[step]), whole.policy[step])


def test_students_models_of_ald_and_vmpo_and_shipped_actors_can_teach(tmp_path: Path) -> None:
    env = make_lanes(LARGE, 2)
    for number, model in enumerate(
        (student(), ALD("LstmPolicy", env, device="cpu", **SETTINGS), vmpo_model())
    ):
        path = tmp_path / f"{number}.zip"
        model.save(path)
        env.seed(0)
        shown = torch.as_tensor(env.reset())
        answer = of(str(path), env=env).asked(shown, torch.ones(2, dtype=torch.bool))
        torch.testing.assert_close(answer.exp().sum(-1), torch.ones(2))
    assert of("imaze/ald", env=env).asked(shown, torch.ones(2, dtype=torch.bool)).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("perfct_memory", r"no teacher 'perfct_memory', did you mean 'perfect_memory'\?.*optimal.*imaze/ald"),
        ("meta-fetch/vtrace-lstm", "'meta-fetch/vtrace-lstm' does not fit its task: .* observation_space"),
    ],
)
def test_a_teacher_that_there_is_not_or_that_does_not_fit_is_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of(name, env=mazes())


def test_tasks_have_one_teacher_or_one_each() -> None:
    for chosen in (["optimal"], ["optimal", "random"]):
        assert len(of(*chosen, env=mazes())._teachers) == 2
    with pytest.raises(
        ValueError, match="one name, or one for each of the 2 tasks, got optimal, random, opt"
    ):
        of("optimal", "random", "optimal", env=mazes())
    with pytest.raises(ValueError, match="teachers must be one name, got optimal, random"):
        of("optimal", "random", env=make_lanes(LARGE, 1))


def test_reference_policies_teach_in_lanes_of_this_package_alone() -> None:
    with pytest.raises(ValueError, match="'optimal' plays vector environments of memory_envs alone"):
        of("optimal", env=cue_lanes())
    blind = make_lanes("MemoryEnvs/MetaFetch-v0", 1, {"view_size": 1})
    with pytest.raises(ValueError, match="'perfect_memory' does not fit its task: view_size"):
        of("perfect_memory", env=blind)


def test_a_model_without_memory_of_this_package_cannot_teach(tmp_path: Path) -> None:
    PPOAgent("MlpPolicy", make_lanes(LARGE, 1), n_steps=8, batch_size=8, device="cpu").save(
        tmp_path / "ppo.zip"
    )
    with pytest.raises(ValueError, match="is a ActorCriticPolicy: models of ALD, Mimic and V-MPO can teach"):
        of(str(tmp_path / "ppo.zip"), env=make_lanes(LARGE, 1))


def test_actions_have_to_be_discrete() -> None:
    class Many(gymnasium.Env[Any, Any]):
        observation_space, action_space = spaces.Box(0, 1, (3,)), spaces.MultiDiscrete([2, 2])

    with pytest.raises(ValueError, match="Mimic takes Discrete actions, got MultiDiscrete"):
        student(Many())
