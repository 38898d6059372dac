"""Where the environments under test come from: a registered id, a spec, or a function that makes one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, TypeAlias

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

AnyEnv: TypeAlias = gymnasium.Env[Any, Any]
AnyVectorEnv: TypeAlias = VectorEnv[Any, Any, Any]
EnvLike: TypeAlias = str | EnvSpec | Callable[..., AnyEnv]
"""A registered id ("Name-v0", "module:Name-v0"), its spec, or a function that returns a new environment."""


@dataclass(frozen=True)
class Source:
    """Makes environments that should all be alike.

    Attributes:
        origin: A spec, or a function that returns an environment; it is called with keyword arguments.
        kwargs: Settings given to each of them.
    """

    origin: EnvSpec | Callable[..., AnyEnv]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, env: EnvLike, kwargs: Mapping[str, Any] | None = None) -> "Source":
        """Return the source of what a check was asked about.

        Raises:
            TypeError: `env` is nothing environments can be made from.
            gymnasium.error.Error: There is no such id.
        """
        if isinstance(env, str):
            module, _, name = env.rpartition(":")
            if module:
                import_module(module)
            env = gymnasium.spec(name)
        if not isinstance(env, EnvSpec) and not callable(env):
            raise TypeError(f"env must be an id, an EnvSpec or a function that makes one, got {env!r}")
        return cls(env, dict(kwargs or {}))

    @property
    def spec(self) -> EnvSpec | None:
        """The spec, if there is one."""
        return self.origin if isinstance(self.origin, EnvSpec) else None

    def make(self, **settings: Any) -> AnyEnv:
        """Return a new environment, as `gymnasium.make` returns it, without Gymnasium's passive checker."""
        if isinstance(self.origin, EnvSpec):
            return gymnasium.make(self.origin, disable_env_checker=True, **{**self.kwargs, **settings})
        return self.origin(**{**self.kwargs, **settings})

    def make_sync(self, num_envs: int, autoreset_mode: AutoresetMode) -> AnyVectorEnv:
        """Return a new SyncVectorEnv of it."""
        return SyncVectorEnv([self.make] * num_envs, autoreset_mode=autoreset_mode)

    def make_async(self, num_envs: int, autoreset_mode: AutoresetMode) -> AnyVectorEnv:
        """Return a new AsyncVectorEnv of it."""
        return AsyncVectorEnv([self.make] * num_envs, autoreset_mode=autoreset_mode)

    def make_native(self, num_envs: int, autoreset_mode: AutoresetMode) -> AnyVectorEnv:
        """Return a new environment from the vector entry point.

        Raises:
            ValueError: There is none, or it does not offer the mode.
        """
        if autoreset_mode not in self.native_modes():
            raise ValueError(f"{self} has no vector environment of the mode {autoreset_mode}")
        assert self.spec is not None
        mode = {"autoreset_mode": autoreset_mode} if self._mode_can_be_chosen() else {}
        return gymnasium.make_vec(
            self.spec, num_envs, vectorization_mode="vector_entry_point", **{**self.kwargs, **mode}
        )

    def native_modes(self) -> tuple[AutoresetMode, ...]:
        """Return the autoreset modes its own vector environment offers; none where it has none."""
        if self.spec is None or self.spec.vector_entry_point is None:
            return ()
        if self._mode_can_be_chosen():
            return tuple(AutoresetMode)
        envs = gymnasium.make_vec(self.spec, 1, vectorization_mode="vector_entry_point", **self.kwargs)
        mode = envs.metadata.get("autoreset_mode")
        envs.close()
        return (mode,) if isinstance(mode, AutoresetMode) else ()

    def _mode_can_be_chosen(self) -> bool:
        assert self.spec is not None and self.spec.vector_entry_point is not None
        entry: Any = self.spec.vector_entry_point
        parameters = signature(load_env_creator(entry) if isinstance(entry, str) else entry).parameters
        takes_any = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
        return takes_any or "autoreset_mode" in parameters

    def __str__(self) -> str:
        return self.origin.id if isinstance(self.origin, EnvSpec) else repr(self.origin)
