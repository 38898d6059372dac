"""What can be certified: ids, environments of this package, and finite environments."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import gymnasium
from gymnasium.wrappers import TimeLimit

from memory_envs.certificate.analysis import certify_finite
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.sampling import certify_rooms
from memory_envs.finite.copied import LOOKED_THROUGH
from memory_envs.finite.protocol import FiniteEnv
from memory_envs.finite.tabular import finite_form
from memory_envs.rules.grid import twins
from memory_envs.task import Task


def certify(
    target: str | gymnasium.Env[Any, Any] | FiniteEnv,
    *,
    name: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    finite: Mapping[str, Any] | None = None,
    effort: Effort | None = None,
    reward_observed: bool = False,
) -> Certificate:
    """Compute what memory is worth in a task.

    Args:
        target: An id that is registered with Gymnasium, an environment, or anything that follows the protocol
            `memory_envs.finite.FiniteEnv`. Of Gymnasium's wrappers, `TimeLimit` counts with its limit where
            that is the shorter one; those that only check how an environment is used are looked through.
            Environments of others are taken as `memory_envs.finite.finite_form` takes them, by their table
            or by enumerating what their code does; `finite` says more of them.
        name: What the certificate calls the task; None takes the id, or else the name of the class.
        env_kwargs: Settings of the class, when the target is an id; `max_episode_steps` is one of them.
        effort: How far the computations go; None takes the defaults.
        finite: Options of `memory_envs.finite.FiniteGym`, for environments of others.
        reward_observed: Whether perfect memory remembers the reward of every step, as it does observations
            and actions. By default it knows of rewards what observations show. Policies without memory act
            on the observation alone in either case.

    Raises:
        TypeError: The target is none of these or has another wrapper, there are settings for something that
            is made already, or `effort` is no `Effort`.
        NotFinite: The target breaks the protocol, or is an environment that cannot be enumerated: says what
            was met.
        TooLarge: The target has too many states.
    """
    if effort is not None and not isinstance(effort, Effort):
        raise TypeError(f"effort must be an Effort or None, got {effort!r}")
    if env_kwargs and not isinstance(target, str):
        raise TypeError(f"env_kwargs are for ids only, got {dict(env_kwargs)} with {target!r}")
    if isinstance(target, str | gymnasium.Env):
        found = _found(target, env_kwargs or {}, finite or {})
        if isinstance(found, _Bare):
            return _certify_env(found, name, effort or Effort(), reward_observed)
        return certify_finite(
            found.env,
            name=name or found.name,
            settings=found.settings,
            effort=effort,
            reward_observed=reward_observed,
        )
    if finite:
        raise TypeError(f"finite is for environments of others, got {dict(finite)} with {target!r:.80}")
    if isinstance(target, type):
        raise TypeError(f"target must be an instance, got the class {target.__name__}")
    if not isinstance(target, FiniteEnv):
        missing = [each for each in _PROTOCOL if not hasattr(target, each)]
        raise TypeError(
            f"target must be an id, an environment or a FiniteEnv; {target!r} lacks {', '.join(missing)}"
        )
    name = name or type(target).__name__
    return certify_finite(target, name=name, effort=effort, reward_observed=reward_observed)


def check_id(
    env_id: str, env_kwargs: Mapping[str, Any] | None = None, finite: Mapping[str, Any] | None = None
) -> None:
    """Raise what `certify` would raise before it computes for long.

    No such id, no such setting, or an environment of others whose beginning cannot be enumerated.
    """
    found = _found(env_id, env_kwargs or {}, finite or {})
    if isinstance(found, _Foreign):
        found.env.starts()


def finite_task(
    target: str | gymnasium.Env[Any, Any], env_kwargs: Mapping[str, Any] | None = None
) -> FiniteEnv:
    """Return the finite task that `certify` computes with, for an id or environment; errors are the same."""
    found = _found(target, env_kwargs or {}, {})
    form: FiniteEnv = found.env.task.finite_form(found.env.config) if isinstance(found, _Bare) else found.env
    return form


class _Bare(NamedTuple):
    """An environment of this package, without wrappers."""

    env: Any
    name: str
    settings: dict[str, Any]


class _Foreign(NamedTuple):
    """An environment of others, as a finite task."""

    env: FiniteEnv
    name: str
    settings: dict[str, Any]


def _found(
    target: str | gymnasium.Env[Any, Any], kwargs: Mapping[str, Any], finite: Mapping[str, Any]
) -> _Bare | _Foreign:
    """Return the environment of an id, or one that was made, in the form that is certified."""
    limit = kwargs.get(_LIMIT)
    own = {key: value for key, value in kwargs.items() if key != _LIMIT}
    env = gymnasium.make(target, disable_env_checker=True, **own) if isinstance(target, str) else target
    if isinstance(getattr(env.unwrapped, "task", None), Task):
        if finite:
            raise TypeError(f"finite is for environments of others, got {dict(finite)} for {target!r}")
        bare = _bare(env)  # `gymnasium.make` would keep a time limit from the class
        return bare if limit is None else _limited(bare, limit)
    if limit is not None:
        env = gymnasium.make(target, disable_env_checker=True, **kwargs)  # type: ignore[arg-type]
    spec = env.unwrapped.spec
    settings = (
        {} if spec is None else {key: each for key, each in spec.kwargs.items() if key != "render_mode"}
    )
    if limit is not None:
        settings[_LIMIT] = limit
    name = type(env.unwrapped).__name__ if spec is None else spec.id
    return _Foreign(finite_form(env, **finite), name, settings)


def _bare(env: gymnasium.Env[Any, Any]) -> _Bare:
    wrappers = list(_wrappers(env))
    for wrapper in wrappers:
        if type(wrapper) not in LOOKED_THROUGH:
            raise TypeError(
                f"certify takes no account of the wrapper {type(wrapper).__name__}, which may change what is "
                f"observed, done or earned; env.unwrapped, the bare environment, can be certified"
            )
    inner: Any = env.unwrapped
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


_LIMIT = "max_episode_steps"
_PROTOCOL = ("num_actions", "horizon", "starts", "step", "observe")
