"""Specs of environments that know their own time limit, which tools can read all the same.

Gymnasium's `make` wraps an environment in a second limit, a TimeLimit, if its spec names one. The limit of a
task depends on its settings, of which the spec of an id knows the defaults only, and a TimeLimit counts
calls, not the steps of a state that was set. So these specs tell everybody the limit but `make` and
`make_vec`.
"""

import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gymnasium.envs import registration
from gymnasium.envs.registration import EnvSpec

LIMIT = "max_episode_steps"
OWN_LIMIT = -1
"""What Gymnasium's `make` takes for no limit but that of the environment."""

NOT_THE_TASK = frozenset(
    "analysis autoreset_mode num_envs render_mode render_panel render_view vectorization_mode".split()
)
"""Settings of environments with which episodes are the same: how they are run, shown and told of."""


def task_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of an environment's settings that make its task another one."""
    return {name: value for name, value in settings.items() if name not in NOT_THE_TASK}


class TaskSpec(EnvSpec):
    """The spec of an environment that ends its episodes itself.

    Attributes:
        own_limit: Steps after which it does, with the settings of the spec.
        given_limit: Steps of a TimeLimit that is asked for besides, as `EnvSpec.max_episode_steps`.
    """

    own_limit: int | None = None
    given_limit: int | None

    @classmethod
    def of(cls, spec: EnvSpec, own_limit: int, env_id: str | None = None) -> "TaskSpec":
        """Return a spec with another limit of its own, and another id unless that is None."""
        values = {field.name: getattr(spec, field.name) for field in fields(spec) if field.init}
        known = cls(**values | {LIMIT: given_limit(spec), "id": env_id or spec.id})
        known.own_limit = own_limit
        return known

    @property
    def max_episode_steps(self) -> int | None:
        """Steps after which an episode is cut."""
        asked_by_gymnasium = sys._getframe(1).f_code in _makers()
        return self.given_limit if self.given_limit is not None or asked_by_gymnasium else self.own_limit

    @max_episode_steps.setter
    def max_episode_steps(self, steps: int | None) -> None:
        self.given_limit = steps

    def __eq__(self, other: object) -> bool:
        """Compare what both say, also with a spec that was read from JSON and is of the general class."""
        if not isinstance(other, EnvSpec):
            return NotImplemented
        return all(getattr(self, field.name) == getattr(other, field.name) for field in fields(self))


def given_limit(spec: EnvSpec) -> int | None:
    """Return the steps of the TimeLimit that a spec asks for, if it does."""
    return spec.given_limit if isinstance(spec, TaskSpec) else spec.max_episode_steps


def asked_limit(env: Any, settings: dict[str, Any]) -> int | None:
    """Return the limit for which `gymnasium.make` is asked while it makes an environment.

    `make` keeps its argument `max_episode_steps` to itself and tells the environment nothing of it, which
    would then end its episodes earlier. Hence this look at what it was called with.

    Args:
        env: The environment, in a call of its constructor.
        settings: Those the constructor was given.

    Returns:
        The argument; where there is none, the limit of the spec unless the settings name one; None if nobody
        asks, or for OWN_LIMIT.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _first_argument(frame) is env:
        frame = frame.f_back
    if frame.f_code is not registration.make.__code__:
        return None
    asked = frame.f_locals.get(LIMIT)
    if asked is None and settings.get(LIMIT) is None:
        asked = given_limit(frame.f_locals["env_spec"])
    return None if asked == OWN_LIMIT else asked


def _first_argument(frame: Any) -> Any:
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _makers() -> tuple[Any, ...]:
    return registration.make.__code__, registration.make_vec.__code__
