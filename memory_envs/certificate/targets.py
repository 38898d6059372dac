"""What can be certified: ids, environments of this package, and finite environments."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import gymnasium
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit

from memory_envs.certificate.analysis import certify_finite
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.sampling import certify_rooms
from memory_envs.finite.protocol import FiniteEnv
from memory_envs.rules.grid import twins
from memory_envs.task import Task


def certify(
    target: str | gymnasium.Env[Any, Any] | FiniteEnv,
    *,
    name: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    effort: Effort | None = None,
    reward_observed: bool = False,
) -> Certificate:
    """Compute what memory is worth in a task.

    Args:
        target: A registered id of this package, an environment of it, or anything that follows the protocol
            `memory_envs.finite.FiniteEnv`. Of Gymnasium's wrappers, `TimeLimit` counts with its limit where
            that is the shorter one; those that only check how an environment is used are looked through.
        name: What the certificate calls the task; None takes the id, or else the name of the class.
        env_kwargs: Settings of the class, when the target is an id; `max_episode_steps` is one of them.
        effort: How far the computations go; None takes the defaults.
        reward_observed: Whether perfect memory remembers the reward of every step, as it does observations
            and actions. By default it knows of rewards what observations show. Policies without memory act
            on the observation alone in either case.

    Raises:
        TypeError: The target is none of these or has another wrapper, there are settings for something that
            is made already, or `effort` is no `Effort`.
        NotFinite: The target breaks the protocol.
        TooLarge: The target has too many states.
    """
    if effort is not None and not isinstance(effort, Effort):
        raise TypeError(f"effort must be an Effort or None, got {effort!r}")
    if isinstance(target, str):
        return _certify_env(_made(target, env_kwargs or {}), name, effort or Effort(), reward_observed)
    if env_kwargs:
        raise TypeError(f"env_kwargs are for ids only, got {dict(env_kwargs)} with {target!r}")
    if isinstance(target, gymnasium.Env):
        return _certify_env(_bare(target), name, effort or Effort(), reward_observed)
    if isinstance(target, type):
        raise TypeError(f"target must be an instance, got the class {target.__name__}")
    if not isinstance(target, FiniteEnv):
        missing = [each for each in _PROTOCOL if not hasattr(target, each)]
        raise TypeError(
            f"target must be an id, an environment of memory_envs or a FiniteEnv; {target!r} "
            f"lacks {', '.join(missing)}"
        )
    name = name or type(target).__name__
    return certify_finite(target, name=name, effort=effort, reward_observed=reward_observed)


def check_id(env_id: str, env_kwargs: Mapping[str, Any] | None = None) -> None:
    """Raise what `certify` would raise before it computes anything: no such id, no such setting."""
    _made(env_id, env_kwargs or {})


class _Bare(NamedTuple):
    """An environment without wrappers."""

    env: Any
    name: str
    settings: dict[str, Any]


def _made(env_id: str, kwargs: Mapping[str, Any]) -> _Bare:
    """Return the environment of an id. `gymnasium.make` would keep a time limit from the class."""
    own = {key: value for key, value in kwargs.items() if key != _LIMIT}
    bare = _bare(gymnasium.make(env_id, disable_env_checker=True, **own))
    return bare if kwargs.get(_LIMIT) is None else _limited(bare, kwargs[_LIMIT])


def _bare(env: gymnasium.Env[Any, Any]) -> _Bare:
    wrappers = list(_wrappers(env))
    for wrapper in wrappers:
        if type(wrapper) not in _LOOKED_THROUGH:
            raise TypeError(
                f"certify takes no account of the wrapper {type(wrapper).__name__}, which may change what is "
                f"observed, done or earned; env.unwrapped, the bare environment, can be certified"
            )
    inner: Any = env.unwrapped
    if not isinstance(getattr(inner, "task", None), Task):
        raise TypeError(f"certify knows the environments of memory_envs, and any FiniteEnv; got {env}")
    kwargs = {} if inner.spec is None else inner.spec.kwargs
    settings = {key: value for key, value in kwargs.items() if key != "render_mode"}
    bare = _Bare(inner, type(inner).__name__ if inner.spec is None else inner.spec.id, settings)
    limits = [wrapper._max_episode_steps for wrapper in wrappers if isinstance(wrapper, TimeLimit)]
    shortest = min(limits, default=inner.config.max_steps)
    return _limited(bare, shortest) if shortest < inner.config.max_steps else bare


def _wrappers(env: Any) -> Iterator[gymnasium.Wrapper[Any, Any, Any, Any]]:
    while isinstance(env, gymnasium.Wrapper):
        yield env
        env = env.env


def _limited(bare: _Bare, steps: int) -> _Bare:
    """Return the environment made anew, with another time limit of its own."""
    if bare.env.spec is None:
        raise TypeError(
            f"{bare.name} was made without an id, so that its settings are not known: give {_LIMIT}={steps} "
            "to the class, and no TimeLimit"
        )
    settings = bare.settings | {_LIMIT: steps}
    return _Bare(type(bare.env)(**settings), bare.name, settings)


def _certify_env(bare: _Bare, name: str | None, effort: Effort, reward_observed: bool) -> Certificate:
    env, own_name, settings = bare
    task, config, name = env.task, env.config, name or own_name
    if task.rooms is not None and task.rooms.too_many(config):
        if reward_observed:
            raise ValueError(f"reward_observed needs a task that is computed from all states, got {name}")
        return certify_rooms(env, name=name, settings=settings, effort=effort)
    return certify_finite(
        task.finite_form(config),
        name=name,
        settings=settings,
        twins={name: task.finite_form(twin) for name, twin in twins(config).items() if name in task.twins},
        until_success=task.finite_form(config, until_success=True),
        effort=effort,
        reward_observed=reward_observed,
    )


_LOOKED_THROUGH = (PassiveEnvChecker, OrderEnforcing, TimeLimit)
_LIMIT = "max_episode_steps"
_PROTOCOL = ("num_actions", "horizon", "starts", "step", "observe")
