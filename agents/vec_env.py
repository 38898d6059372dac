"""A Gymnasium VectorEnv as a Stable-Baselines3 VecEnv."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn


class GymnasiumVecEnv(VecEnv):
    """Any same-step `gymnasium.vector.VectorEnv` for any SB3 algorithm.

    Wrap it in SB3's `VecMonitor` for episode statistics, as with other natively vectorised environments.

    Args:
        env: Must reset its lanes within the step that ends an episode: build it with
            `gymnasium.make_vec(id, num_envs=N, autoreset_mode=AutoresetMode.SAME_STEP)` (native vector envs of this
            package) or `vector_kwargs={"autoreset_mode": ...}` (Gymnasium's sync and async vectorisation).

    Raises:
        ValueError: If the vector environment resets in another way.
    """

    def __init__(self, env: VectorEnv) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode != AutoresetMode.SAME_STEP:
            raise ValueError(
                f"GymnasiumVecEnv needs a vector env with autoreset_mode=AutoresetMode.SAME_STEP, got {mode}: SB3 expects "
                "the first observation of the next episode in the step that ends one"
            )
        self.env = env
        self._actions: np.ndarray | None = None
        # SB3 asks for render_mode while it constructs itself, through get_attr below.
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> VecEnvObs:
        """New episodes in all lanes; uses the seeds given to `seed()`, once."""
        seeds = None if all(seed is None for seed in self._seeds) else list(self._seeds)
        observation, infos = self.env.reset(seed=seeds)
        self.reset_infos = _per_lane(infos, self.num_envs)
        self._reset_seeds()
        self._reset_options()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Remember the actions."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Step all lanes."""
        observation, rewards, terminated, truncated, infos = self.env.step(self._actions)
        dones = terminated | truncated
        lanes = _per_lane(infos, self.num_envs, exclude=("final_obs", "final_info"))
        ended = np.flatnonzero(dones)
        if len(ended):
            finals = _per_lane(infos["final_info"], self.num_envs)
            for lane in ended:
                lanes[lane] = finals[lane]  # what the ended episode said, not its successor
                lanes[lane]["terminal_observation"] = infos["final_obs"][lane]
                lanes[lane]["TimeLimit.truncated"] = bool(truncated[lane] and not terminated[lane])
        return observation, rewards.astype(np.float32), dones, lanes

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """The vector env's own picture (of all its lanes) as the only image."""
        image = self.env.render()
        return [None] if image is None else list(image) if isinstance(image, (tuple, list)) else [image]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """An attribute of the vector env, once per lane asked for."""
        value = getattr(self.env, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the vector env, for all lanes at once."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"set_attr({attr_name!r}) reaches all {self.num_envs} lanes or none, got indices={indices}")
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call a method of the vector env once; its result stands for every lane asked for."""
        result = getattr(self.env, method_name)(*args, **kwargs)
        return [result for _ in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        """No lane is wrapped by itself."""
        return [False for _ in self._get_indices(indices)]


def _per_lane(infos: dict[str, Any], lanes: int, exclude: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Gymnasium's dict of arrays with `_key` masks -> a list of dicts."""
    result: list[dict[str, Any]] = [{} for _ in range(lanes)]
    for key, values in infos.items():
        if key.startswith("_") or key in exclude:
            continue
        if isinstance(values, dict):
            values = _per_lane(values, lanes)
        mask = infos.get(f"_{key}")
        for lane in range(lanes) if mask is None else np.flatnonzero(mask):
            value = values[lane]
            result[lane][key] = value.item() if isinstance(value, np.generic) else value
    return result
