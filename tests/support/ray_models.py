"""Models small enough to train with the Ray engine within a test, and a cluster to do it on."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

from agents.ald import ALD
from agents.engines.ray import RaySettings
from agents.engines.ray.cluster import Cluster
from agents.engines.ray.payload import Collected, TaskTime, to_arrays
from agents.learning.actor import Actor
from agents.vec_env.remote import RemoteLanes
from agents.vec_env.steps import GymnasiumSteps
from tests.support.tiny import LANES, CueEnv, maze_lanes, maze_model


@contextlib.contextmanager
def started() -> Iterator[Cluster]:
    """A cluster on this machine for the length of a block."""
    cluster = Cluster(RaySettings())
    try:
        yield cluster
    finally:
        cluster.leave()


def ray_model(
    make: Callable[[int], VecEnv] = maze_lanes,
    seed: int = 0,
    agent: dict[str, Any] | None = None,
    **engine: Any,
) -> ALD:
    """The model of `tests.support.tiny.maze_model`, with the Ray engine."""
    settings = RaySettings(**{"wait_seconds": 60.0} | engine)
    return maze_model(seed, RemoteLanes(make, LANES), engine=settings, **(agent or {}))


def collected(lanes: int, seed: int = 0, rows_of: tuple[int, int] | None = None) -> Collected:
    """An unroll of a fresh actor, as a worker sends it."""
    model, env = maze_model(), GymnasiumSteps(maze_lanes(lanes, max_episode_steps=4))
    env.seed(seed)
    length, device = model.config.unroll_length, torch.device("cpu")
    actor = Actor(model.actor.network, lanes, length, 5, device, rows_of)
    actor.begin(env.reset())
    infos: list[Any] = []
    unroll = actor.collect(env, lambda _, step: infos.append(step.infos) or True)  # type: ignore[func-returns-value]
    assert unroll is not None
    return Collected(to_arrays(unroll.to_tree()), infos, 3, TaskTime(1.0, 0.5, 0.75))


class CueLost(KeyError):
    """Raised by an environment; KeyError shows its message as code."""


class Fragile(CueEnv):
    """Fails in its step number `last`, in whichever way is asked for."""

    def __init__(self, last: int, how: str) -> None:
        self.left, self.how = last, how

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self.left -= 1
        if self.left == 0:
            self.fail()
        return super().step(action)

    def fail(self) -> None:
        if self.how == "raise":
            raise CueLost("the cue is gone")
        if self.how == "exit":
            os._exit(1)
        time.sleep(1000)


def fragile_lanes(last: int, how: str, lanes: int) -> VecEnv:
    """Lanes of which the third fails, or the last where there are fewer."""
    fails = min(2, lanes - 1)

    def one(lane: int) -> CueEnv:
        return Fragile(last, how) if lane == fails else CueEnv()

    return DummyVecEnv([lambda lane=lane: one(lane) for lane in range(lanes)])  # type: ignore[misc]


class Steps(BaseCallback):
    """Writes down what each vector step told, and may stop at one or do something at one."""

    def __init__(self, stop_at: int | None = None, at: dict[int, Callable[[], None]] | None = None) -> None:
        super().__init__()
        self.stop_at, self.at = stop_at, at or {}
        self.steps: list[dict[str, Any]] = []

    def _on_step(self) -> bool:
        names = ("actions", "rewards", "dones", "infos", "new_obs")
        self.steps.append({name: self.locals[name] for name in names} | {"frames": self.num_timesteps})
        self.at.get(len(self.steps), lambda: None)()
        return len(self.steps) != self.stop_at
