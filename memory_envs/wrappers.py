"""Wrappers for any Gymnasium environment whose agents are to be taught what to remember."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import gymnasium
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from memory_envs.registry.lookup import did_you_mean

_SPACES = "memory_target_spaces"


class KeysToInfo(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """Moves keys of a Dict observation to the infos: nobody is shown them, and training can be told them.

    So they can be named as memory targets, and no network that acts or learns reads them. What is left is a
    Dict still.

    Args:
        env: Shows a Dict.
        keys: Of that Dict, not all.

    Attributes:
        memory_target_spaces: The moved keys to their spaces, beside the targets that `env` has itself.

    Raises:
        ValueError: The observations are no Dict, have no such key, or would have none left; or `env` tells a
            target, or an info, of the same name.

    Example:
        >>> from memory_envs.wrappers import KeysToInfo
        >>> env = KeysToInfo(gymnasium.make("MiniGrid-MemoryS7-v0"), "direction")  # doctest: +SKIP
        >>> sorted(env.observation_space), env.memory_target_spaces  # doctest: +SKIP
        (['image', 'mission'], {'direction': Discrete(4)})
    """

    def __init__(self, env: gymnasium.Env[Any, Any], keys: str | Sequence[str]) -> None:
        names = (keys,) if isinstance(keys, str) else tuple(keys)
        RecordConstructorArgs.__init__(self, keys=list(names))
        gymnasium.Wrapper.__init__(self, env)
        space = env.observation_space
        if not isinstance(space, spaces.Dict):
            raise ValueError(f"KeysToInfo takes an environment whose observations are a Dict, got {space}")
        for name in names:
            if name not in space.spaces:
                hint = did_you_mean(name, space.spaces)
                raise ValueError(f"keys must be among {', '.join(space.spaces)}, got {name!r}{hint}")
        if not names or len(set(names)) != len(names) or len(names) == len(space.spaces):
            raise ValueError(
                f"keys must be some of {', '.join(space.spaces)}, each once and not all, got {list(names)}"
            )
        own = env.get_wrapper_attr(_SPACES) if env.has_wrapper_attr(_SPACES) else {}
        if taken := sorted(set(own) & set(names)):
            raise ValueError(
                f"keys must not be told as memory targets by the environment, got {', '.join(taken)}"
            )
        self.keys = names
        self.memory_target_spaces = {**own, **{name: space.spaces[name] for name in names}}
        self.observation_space = spaces.Dict(
            {name: each for name, each in space.spaces.items() if name not in names}
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode; see Gymnasium."""
        return self._moved(*self.env.reset(seed=seed, options=options))

    def step(self, action: Any) -> tuple[dict[str, Any], Any, bool, bool, dict[str, Any]]:
        """Take a step; see Gymnasium."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        observation, info = self._moved(observation, info)
        return observation, reward, terminated, truncated, info

    def _moved(
        self, observation: dict[str, Any], info: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if taken := sorted(set(info) & set(self.keys)):
            raise ValueError(f"keys must not be told by the environment's infos, got {', '.join(taken)}")
        moved = {name: deepcopy(observation[name]) for name in self.keys}
        shown = {name: part for name, part in observation.items() if name not in self.keys}
        return shown, {**info, **moved}
