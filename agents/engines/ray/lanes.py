"""The lanes of an actor's worker, and what is known of them when one raises."""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from ray import cloudpickle

from agents.engines.ray.payload import Failed
from agents.learning.memory_targets import Infos
from agents.learning.steps import Step


class Lanes(Protocol):
    """What a worker asks of its lanes; `agents.vec_env.steps.GymnasiumSteps` has it."""

    env: Any
    """Has the attributes and methods that the driver may ask for, an SB3 `VecEnv`."""

    def seed(self, seed: int) -> None:
        """Seed lane i with `seed` + i at the next reset."""

    def reset(self) -> Any:
        """Begin episodes in all lanes and return what they show."""

    def first_infos(self) -> Infos:
        """[B] what the environments told beside what `reset` returned."""

    def step(self, actions: np.ndarray) -> Step:
        """Step all lanes."""


class EnvironmentRaised(Exception):
    """Out of `RecordedLanes`; `failed` says what happened."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(failed.traceback)
        self.failed = failed


class RecordedLanes:
    """Lanes that remember the actions of their episodes, for the case that an environment raises.

    Args:
        make: Takes a number of lanes and makes them.
        num_envs: How many.
        first_lane: The number of the first among those of all actors.

    Raises:
        EnvironmentRaised: Here as in the methods, instead of what the environments raise.
    """

    def __init__(self, make: Callable[[int], Lanes], num_envs: int, first_lane: int) -> None:
        self.num_envs, self._first_lane = num_envs, first_lane
        self._seed: int | None = None
        self._episodes: list[int] = [0] * num_envs
        self._actions: list[list[Any]] = [[] for _ in range(num_envs)]
        self._env: Any = None  # until it is made, which may fail
        self._lanes: Lanes = self._guarded(lambda: make(num_envs))
        self._env = self._lanes.env

    def begin(self, seed: int | None) -> Any:
        """Begin episodes in all lanes, lane i with `seed` + i unless that is None; return what they show."""
        if seed is not None:
            self._seed, self._episodes = seed, [-1] * self.num_envs
            self._lanes.seed(seed)
        for lane in range(self.num_envs):
            self._next_episode(lane)
        return self._guarded(self._lanes.reset)

    def first_infos(self) -> Infos:
        """[B] what the environments told beside what `begin` returned."""
        return self._lanes.first_infos()

    def step(self, actions: np.ndarray) -> Step:
        """Step all lanes."""
        for taken, action in zip(self._actions, actions.tolist(), strict=True):
            taken.append(action)
        step: Step = self._guarded(lambda: self._lanes.step(actions))
        for lane in np.flatnonzero(step.done).tolist():
            self._next_episode(lane)
        return step

    def ask(self, method: str, *arguments: Any, **further: Any) -> Any:
        """Call a method of the lanes' `env`."""
        return getattr(self._env, method)(*arguments, **further)

    def _next_episode(self, lane: int) -> None:
        self._episodes[lane] += 1
        self._actions[lane] = []

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as problem:
            frames, records = "".join(traceback.format_exception(problem)), self._records(problem)
            raise EnvironmentRaised(Failed(_travelling(problem), frames, records)) from None

    def _records(self, problem: Exception) -> list[dict[str, Any]]:
        """The lane that raised, or all of them where that is not known."""
        lane = _raising_lane(problem, self._env)
        return [self._record(each) for each in (range(self.num_envs) if lane is None else [lane])]

    def _record(self, lane: int) -> dict[str, Any]:
        return {
            "lane": self._first_lane + lane,
            "seed": None if self._seed is None else self._seed + lane,
            "episode": self._episodes[lane],
            "actions": self._actions[lane],
        }


def _raising_lane(problem: Exception, env: Any) -> int | None:
    """The lane whose environment the exception passed through, where the lanes are separate objects."""
    passed = [frame.f_locals.get("self") for frame, _ in traceback.walk_tb(problem.__traceback__)]
    envs = getattr(getattr(env, "unwrapped", None), "envs", None) or []
    return next((lane for lane, one in enumerate(envs) if any(one is each for each in passed)), None)


def _travelling(problem: Exception) -> Exception | None:
    """The exception, if another process can read it: without its frames, which none could."""
    problem = problem.with_traceback(None)
    problem.__cause__ = problem.__context__ = None
    try:
        return pickle.loads(cloudpickle.dumps(problem)) and problem
    except Exception:  # whatever a stranger's class does when it is pickled
        return None
