"""The loop: the student acts, its teachers say at every step what they would do, and it learns that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

from agents.engines.serial import InProcessEngine
from agents.learning.actor import Actor
from agents.learning.memory_targets import Infos
from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.steps import OnStep, Step, SteppedEnv
from agents.learning.unroll import LearnerOutputs, Unroll
from agents.mimic.student import Student
from agents.mimic.teachers import Teachers


class TeachingEngine(InProcessEngine):
    """actor, beside its teachers -> unroll -> replay -> student -> the actor's own parameters.

    Args:
        actor: Acts.
        replay: Keeps unrolls with the teachers' answers.
        student: Teaches the actor; shares its network.
        teachers: Makes the teachers for the lanes of an environment.
    """

    def __init__(
        self,
        actor: Actor,
        replay: ReplayBuffer,
        student: Student,
        teachers: Callable[[VecEnv], Teachers],
    ) -> None:
        super().__init__(actor)
        self.replay, self.student, self._make = replay, student, teachers
        self._env: Any = None
        self._answers: list[Tensor] = []  # of the unroll in the making

    def open(self, env: Any) -> bool:
        """Make the teachers for these lanes; no environment has to be reset for it."""
        if self._env is not env:
            self._teachers, self._env = self._make(env), env
        return False

    def begin(self, observation: Any, infos: Infos) -> None:
        """Take the first observations of new episodes; see `Actor.begin`."""
        super().begin(observation, infos)
        self._answers = []

    def advance(
        self, env: SteppedEnv, on_step: OnStep, on_collected: Callable[[], None] = lambda: None
    ) -> dict[str, Any] | None:
        """One turn of the loop; see `SerialEngine.advance`."""
        with self._timed("acting"):
            collected = self.actor.collect(_Attended(env, self._ask), on_step, on_collected)
        if collected is None:
            return None
        self.replay.add(self._commented(collected))
        with self._timed("distilling"):
            return self._learn()

    def _ask(self, actions: np.ndarray) -> None:
        """Ask the teachers about what the actor has just seen, and tell them what it chose to do."""
        assert self.actor.observation is not None
        self._answers.append(self._teachers.asked(self.actor.observation, self.actor.is_first))
        self._teachers.took(actions)

    def _commented(self, unroll: Unroll) -> Unroll:
        """The unroll with the teachers' answers in the place of a learner's; they say nothing of values."""
        answers, self._answers = torch.stack(self._answers), []
        nothing = torch.zeros_like(unroll.reward)
        return unroll._replace(learner=LearnerOutputs(answers, nothing, nothing), learner_state=())

    def _learn(self) -> dict[str, Any]:
        config, metrics = self.student.config, {}
        for step in range(1, config.distillation_steps + 1):
            sample = self.replay.sample(config.distillation_window)
            metrics = self.student.update(sample, with_health=step == config.distillation_steps)
        return metrics


class _Attended:
    """Lanes in which somebody is heard about each step before it is taken."""

    def __init__(self, env: SteppedEnv, heard: Callable[[np.ndarray], None]) -> None:
        self._env, self._heard, self.num_envs = env, heard, env.num_envs

    def step(self, actions: np.ndarray) -> Step:
        """Step all lanes."""
        self._heard(actions)
        return self._env.step(actions)
