"""A Gymnasium VectorEnv as a Stable-Baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from agents.vec_env import asynchronous

# Gymnasium's own names, and SB3's name for the statistics of an episode that has just ended.
_FINAL_OBSERVATION, _FINAL_INFO, _STATISTICS = "final_obs", "final_info", "episode"


class GymnasiumVecEnv(VecEnv):
    """Any same-step `gymnasium.vector.VectorEnv` for any SB3 algorithm.

    Observations, rewards, dones, infos and `reset_infos` are those of SB3's `DummyVecEnv` over the same
    environments. Wrap it in SB3's `VecMonitor` for episode statistics.

    Attributes and methods are those of the environment of each lane where there is one (`SyncVectorEnv`,
    `AsyncVectorEnv`). A native vector environment has but its own, which stand for each of its lanes.

    Args:
        env: Must reset its lanes within the step that ends an episode: build it with
            `gymnasium.make_vec(id, num_envs=N, autoreset_mode=AutoresetMode.SAME_STEP)` (vector environments
            of this package) or `vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP}` (Gymnasium's
            vectorization modes "sync" and "async").

    Raises:
        TypeError: `env` is not a vector environment.
        ValueError: It resets in another way, or overwrites the observations that it has returned.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        _check(env)
        self.env = env
        self.spec = env.spec
        # The environments of the lanes, if within reach; set before SB3's constructor, as it calls get_attr.
        base = env.unwrapped
        self._envs: Sequence[gymnasium.Env[Any, Any]] | None = (
            base.envs if isinstance(base, SyncVectorEnv) else None
        )
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.metadata = env.metadata

    def reset(self) -> VecEnvObs:
        """Begin episodes in all lanes, with the seeds and options given to `seed` and `set_options`, once.

        Raises:
            ValueError: The options differ between lanes, which a vector environment cannot take.
        """
        self._check_lanes()
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observation, infos = self.env.reset(seed=seeds, options=self._common_options())  # type: ignore[arg-type]
        self.reset_infos = _per_lane(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all lanes; the info of a lane that ended is that of the ended episode."""
        self._check_lanes()
        observation, rewards, terminated, truncated, infos = self.env.step(self._actions)
        dones = terminated | truncated
        lanes = _per_lane(infos, self.num_envs)
        if dones.any():
            self._end_episodes(np.flatnonzero(dones).tolist(), lanes, infos)
        for info, timed_out in zip(lanes, (truncated & ~terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = timed_out
        return observation, rewards.astype(np.float32), dones, lanes

    def _end_episodes(self, ended: list[int], lanes: list[dict[str, Any]], infos: dict[str, Any]) -> None:
        """Tell the last infos of ended episodes, in `lanes`, from the first ones of their successors."""
        finals = _per_lane(infos.get(_FINAL_INFO, {}), self.num_envs)
        for lane in ended:
            first, last = lanes[lane], finals[lane]
            # Those of gymnasium.wrappers.vector.RecordEpisodeStatistics are about the episode that ended.
            if _STATISTICS in first:
                last[_STATISTICS] = first.pop(_STATISTICS)
            last["terminal_observation"] = infos[_FINAL_OBSERVATION][lane]
            lanes[lane], self.reset_infos[lane] = last, first

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return one picture per lane, or a single one where the environment paints all lanes into one.

        None per lane if the render mode is not "rgb_array".
        """
        if self.render_mode != "rgb_array":
            return [None] * self.num_envs
        images: Any = self.env.render()
        return list(images) if isinstance(images, (tuple, list)) else [images]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of each lane asked for.

        Raises:
            AttributeError: There is none of this name.
        """
        lanes = self._get_indices(indices)
        if self._envs is not None:
            return [self._envs[lane].get_wrapper_attr(attr_name) for lane in lanes]
        if isinstance(self.env.unwrapped, AsyncVectorEnv):
            values = asynchronous.call(self.env.unwrapped, attr_name)
            return [values[lane] for lane in lanes]
        value = getattr(self._owner(attr_name), attr_name)
        return [value for _ in lanes]

    def has_attr(self, attr_name: str) -> bool:
        """Return whether every lane has an attribute or a method; none is called."""
        if isinstance(self.env.unwrapped, AsyncVectorEnv):
            self._check_lanes()
            return all(self.env.unwrapped.call("has_wrapper_attr", attr_name))
        return super().has_attr(attr_name)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of each lane asked for.

        Raises:
            ValueError: Not all lanes are asked for, and the environment does not keep the attribute per lane.
        """
        lanes = list(self._get_indices(indices))
        if self._envs is not None:
            for lane in lanes:
                self._envs[lane].set_wrapper_attr(attr_name, value)
        elif sorted(lanes) != list(range(self.num_envs)):
            raise ValueError(
                f"set_attr({attr_name!r}) reaches all {self.num_envs} lanes or none, got {indices=}"
            )
        elif isinstance(self.env.unwrapped, AsyncVectorEnv):
            self._check_lanes()
            self.env.unwrapped.set_attr(attr_name, [value] * self.num_envs)
        else:
            setattr(self._owner(attr_name), attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call a method of each lane asked for, and return the results.

        A method that is not kept per lane is called once, and acts on all lanes whatever was asked for.
        """
        lanes = self._get_indices(indices)
        if self._envs is not None:
            methods = [self._envs[lane].get_wrapper_attr(method_name) for lane in lanes]
            return [method(*method_args, **method_kwargs) for method in methods]
        if isinstance(self.env.unwrapped, AsyncVectorEnv):
            results = asynchronous.call(self.env.unwrapped, method_name, *method_args, **method_kwargs)
            return [results[lane] for lane in lanes]
        result = getattr(self._owner(method_name), method_name)(*method_args, **method_kwargs)
        return [result for _ in lanes]

    def env_is_wrapped(
        self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None
    ) -> list[bool]:
        """Return whether each lane asked for is wrapped; a native vector environment has no single ones."""
        lanes = list(self._get_indices(indices))
        if isinstance(self.env.unwrapped, AsyncVectorEnv):
            return asynchronous.lanes_are_wrapped(self.env.unwrapped, wrapper_class, lanes)
        if self._envs is None:
            return [False for _ in lanes]
        return [is_wrapped(self._envs[lane], wrapper_class) for lane in lanes]

    def _check_lanes(self) -> None:
        if isinstance(self.env.unwrapped, AsyncVectorEnv):
            asynchronous.check_alive(self.env.unwrapped)

    def _owner(self, name: str) -> VectorEnv[Any, Any, Any]:
        """The outermost environment that has an attribute: Gymnasium's wrappers do not pass attributes on."""
        env = self.env
        while isinstance(env, VectorWrapper) and not hasattr(env, name):
            env = env.env
        return env

    def _common_options(self) -> dict[str, Any] | None:
        if any(options != self._options[0] for options in self._options):
            raise ValueError(f"set_options must give all lanes of a vector env the same, got {self._options}")
        return self._options[0] or None


def _check(env: Any) -> None:
    if not isinstance(env, VectorEnv):
        raise TypeError(
            f"env must be a gymnasium.vector.VectorEnv, got {type(env).__name__}; "
            "single environments go to SB3 as they are"
        )
    mode = env.metadata.get("autoreset_mode")
    if mode != AutoresetMode.SAME_STEP:
        raise ValueError(
            f"env must have autoreset_mode=AutoresetMode.SAME_STEP, got {mode}: SB3 expects the first "
            "observation of the next episode from the step that ends one"
        )
    if getattr(env.unwrapped, "copy", True) is False:
        raise ValueError("env must have copy=True, got False: SB3 keeps the last observations while it steps")


def _per_lane(infos: Mapping[str, Any], num_lanes: int) -> list[dict[str, Any]]:
    """Gymnasium's dict of arrays with masks, `key` and `_key` -> a dict per lane, of Python's numbers."""
    lanes: list[dict[str, Any]] = [{} for _ in range(num_lanes)]
    for key, values in infos.items():
        if key in (_FINAL_OBSERVATION, _FINAL_INFO) or (key.startswith("_") and key[1:] in infos):
            continue
        mask = infos.get(f"_{key}")
        column = _column(values, num_lanes)
        if mask is None or mask.all():
            for info, value in zip(lanes, column, strict=True):
                info[key] = value
        else:
            for lane in np.flatnonzero(mask).tolist():
                lanes[lane][key] = column[lane]
    return lanes


def _column(values: Any, num_lanes: int) -> list[Any]:
    if isinstance(values, dict):
        return _per_lane(values, num_lanes)
    if isinstance(values, np.ndarray) and values.ndim and len(values) == num_lanes:
        return values.tolist() if values.ndim == 1 else list(values)
    return [values] * num_lanes  # one value for all lanes
