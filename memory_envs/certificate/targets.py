"""What can be certified: ids, environments of this package, and finite environments."""

from collections.abc import Mapping
from typing import Any

import gymnasium

from memory_envs.certificate.analysis import certify_finite
from memory_envs.certificate.effort import Effort
from memory_envs.certificate.mazes import IMazeTask
from memory_envs.certificate.report import Certificate
from memory_envs.certificate.rooms import MetaFetchTask
from memory_envs.certificate.sampling import certify_rooms
from memory_envs.finite import FiniteEnv
from memory_envs.rules import imaze, meta_fetch
from memory_envs.rules.grid import OBSERVABILITIES, PARTIAL


def certify(
    target: str | gymnasium.Env[Any, Any] | FiniteEnv,
    *,
    name: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    effort: Effort | None = None,
) -> Certificate:
    """Compute what memory is worth in a task.

    Args:
        target: A registered id of this package, an environment of it, or anything that follows the protocol
            `memory_envs.finite.FiniteEnv`.
        name: What the certificate calls the task; None takes the id, or else the name of the class.
        env_kwargs: Settings, when the target is an id.
        effort: How far the computations go; None takes the defaults.

    Raises:
        TypeError: The target is none of these, or there are settings for something that is made already.
        NotFinite: The target breaks the protocol.
        TooLarge: The target has too many states.
    """
    if isinstance(target, str):
        env = gymnasium.make(target, disable_env_checker=True, **(env_kwargs or {})).unwrapped
        return certify(env, name=name or target, effort=effort)
    if env_kwargs:
        raise TypeError(f"env_kwargs are for ids only, got {dict(env_kwargs)} with {target!r}")
    if isinstance(target, gymnasium.Env):
        return _certify_env(target.unwrapped, name, effort or Effort())
    if not isinstance(target, FiniteEnv):
        missing = [each for each in _PROTOCOL if not hasattr(target, each)]
        raise TypeError(
            f"target must be an id, an environment of memory_envs or a FiniteEnv; {target!r} "
            f"lacks {', '.join(missing)}"
        )
    return certify_finite(target, name=name or type(target).__name__, effort=effort)


def _certify_env(env: Any, name: str | None, effort: Effort) -> Certificate:
    config = getattr(env, "config", None)
    kwargs = {} if env.spec is None else env.spec.kwargs
    settings = {key: value for key, value in kwargs.items() if key != "render_mode"}
    name = name or (env.spec.id if env.spec is not None else type(env).__name__)
    if isinstance(config, imaze.Config):
        twins = _imaze_twins(config)
        return certify_finite(IMazeTask(config), name=name, settings=settings, twins=twins, effort=effort)
    if not isinstance(config, meta_fetch.Config):
        raise TypeError(f"certify knows the environments of memory_envs, and any FiniteEnv; got {env}")
    if config.num_objects > _FEW_OBJECTS or config.size > _SMALL_ROOM:
        return certify_rooms(env, name=name, settings=settings, effort=effort)
    task, until_success = (MetaFetchTask(config, until_completed=each) for each in (False, True))
    return certify_finite(task, name=name, settings=settings, until_success=until_success, effort=effort)


def _imaze_twins(config: imaze.Config) -> dict[str, FiniteEnv]:
    if config.observability != PARTIAL:
        return {}
    return {
        name: IMazeTask(config._replace(observability=number))
        for number, name in enumerate(OBSERVABILITIES)
        if number != PARTIAL
    }


_FEW_OBJECTS, _SMALL_ROOM = 2, 5
"""Settings of Meta-Fetch up to which all rooms are computed together."""

_PROTOCOL = ("num_actions", "horizon", "starts", "step", "observe")
