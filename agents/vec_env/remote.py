"""Environments that exist in other processes alone, as a Stable-Baselines3 VecEnv."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import gymnasium
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs

from agents.vec_env.steps import GymnasiumSteps

if TYPE_CHECKING:
    from agents.engines.ray.engine import RayEngine

_TARGET_SPACES = "memory_target_spaces"


class RemoteLanes(VecEnv):
    """Lanes that each actor of the Ray engine makes for itself, in its own process.

    This process knows their spaces and their number. While a model learns, attributes and methods are those
    of the workers' lanes, asked for after the unrolls that they are at; what is set there is lost with a
    worker that dies. Nobody but the actors can step them.

    Args:
        make: Takes a number of lanes and makes them, an SB3 `VecEnv`; it is pickled for the workers. Called
            here for one lane, to learn its spaces.
        num_envs: Lanes of all actors together.
    """

    def __init__(self, make: Callable[[int], VecEnv], num_envs: int) -> None:
        self.make = functools.partial(_stepped, make)
        self._engine: RayEngine | None = None
        one = self.make(1).env
        self._of_one = {"render_mode": one.render_mode}
        if one.has_attr(_TARGET_SPACES):
            self._of_one[_TARGET_SPACES] = one.get_attr(_TARGET_SPACES)[0]
        super().__init__(num_envs, one.observation_space, one.action_space)
        one.close()

    def connect(self, engine: RayEngine) -> None:
        """Let `engine` answer for the lanes from now on."""
        self._engine = engine

    def reset(self) -> VecEnvObs:
        """Begin episodes in all lanes, with the seeds given to `seed`, once; see `RayEngine.reset_lanes`."""
        observation: VecEnvObs = self._running.reset_lanes(self._seeds[0])
        self._reset_seeds()
        return observation

    @property
    def _running(self) -> RayEngine:
        if self._engine is None:
            raise RuntimeError(
                "these environments exist only while a model with the Ray engine learns in them"
            )
        return self._engine

    def step_async(self, actions: np.ndarray) -> NoReturn:
        """Refuse.

        Raises:
            RuntimeError: Always.
        """
        raise RuntimeError("the lanes of the Ray engine are stepped by its actors alone: call learn()")

    def step_wait(self) -> NoReturn:
        """Refuse; see `step_async`."""
        raise RuntimeError("the lanes of the Ray engine are stepped by its actors alone: call learn()")

    def close(self) -> None:
        """Nothing is open here: the workers' lanes end with the workers."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each lane asked for."""
        if attr_name == _TARGET_SPACES and attr_name not in self._of_one:
            raise AttributeError(f"the environments have no attribute {attr_name!r}")
        if self._engine is None and attr_name in self._of_one:  # SB3 and models ask while they are built
            return [self._of_one[attr_name] for _ in self._get_indices(indices)]
        return self._ask("get_attr", indices, attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of each lane asked for."""
        self._ask("set_attr", indices, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each lane asked for, and return the results."""
        return self._ask("env_method", indices, method_name, *method_args, **method_kwargs)

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return whether each lane asked for is wrapped; False while there are none."""
        if self._engine is None:
            return [False for _ in self._get_indices(indices)]
        return self._ask("env_is_wrapped", indices, wrapper_class)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return nothing: pictures are for lanes of this process."""
        return [None] * self.num_envs

    def _ask(self, method: str, indices: VecEnvIndices, *arguments: Any, **further: Any) -> list[Any]:
        """What the lanes answer, in the order in which they were asked for."""
        answers: dict[int, Any] = {}
        lanes = list(self._get_indices(indices))
        for actor, own in self._by_actor(lanes).items():
            first = actor * self._running.lanes_per_actor
            local = [lane - first for lane in own]
            values = self._running.ask_lanes(actor, method, *arguments, indices=local, **further)
            answers |= dict(zip(own, values if values is not None else [None] * len(own), strict=True))
        return [answers[lane] for lane in lanes]

    def _by_actor(self, lanes: Sequence[int]) -> dict[int, list[int]]:
        owners: dict[int, list[int]] = {}
        for lane in lanes:
            owners.setdefault(lane // self._running.lanes_per_actor, []).append(lane)
        return owners


def _stepped(make: Callable[[int], VecEnv], lanes: int) -> GymnasiumSteps:
    """Lanes for an actor; images have their channels first, as SB3 would have wrapped them here."""
    return GymnasiumSteps(BaseAlgorithm._wrap_env(make(lanes), monitor_wrapper=False))
