"""The lanes that a run is trained in: of its environment, or of several tasks side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from agents.learning.memory_targets import MemoryTargetSettings, parsed
from agents.learning.privileged import PrivilegedSettings
from agents.learning.tasks import NamedTask, TaskSettings
from agents.learning.tasks import parsed as parsed_task
from agents.runs.options import Options
from agents.vec_env.joined import JoinedVecEnv
from agents.vec_env.make import make_lanes, make_remote_lanes, shown_privileged, told_targets


def lanes_of(options: Options) -> VecEnv:
    """Return the environments of a run.

    Raises:
        gymnasium.error.Error: There is no such id.
        ValueError, TypeError: An environment refuses a setting, or the tasks do not fit together.
    """
    settings = options.run
    tasks = options.config.tasks if isinstance(options.config, TaskSettings) else ()
    if tasks:
        return _joined(options, tasks)
    make = make_lanes if settings.ray_settings is None else make_remote_lanes
    own = _env_settings(options, settings.env_id, settings.env_settings)
    return make(settings.env_id, settings.num_envs, own)


def _joined(options: Options, names: tuple[str, ...]) -> VecEnv:
    """The tasks with equal shares of the lanes; the first ones have those that are left."""
    settings, tasks = options.run, [parsed_task(name) for name in names]
    if NamedTask(settings.env_id, settings.env_settings) not in tasks:
        own = f"{settings.env_id} {settings.env_kwargs}" if settings.env_settings else settings.env_id
        raise ValueError(f"--env must be one of --tasks, {', '.join(names)}, got {own}")
    share, left = divmod(settings.num_envs, len(tasks))
    if share == 0:
        raise ValueError(
            f"--num-envs must be at least the number of --tasks, {len(tasks)}, got {settings.num_envs}"
        )
    parts = [
        make_lanes(task.env_id, share + (number < left), _env_settings(options, *task))
        for number, task in enumerate(tasks)
    ]
    return JoinedVecEnv(parts, names)


def _env_settings(options: Options, env_id: str, env_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the environment, which has to tell what memory is taught and show what the learner sees."""
    config = options.config
    targets = config.memory_targets if isinstance(config, MemoryTargetSettings) else ()
    names = [parsed(each)[0] for each in targets]
    shown = config.learner_only if isinstance(config, PrivilegedSettings) else ()
    return shown_privileged(env_id, told_targets(env_id, env_kwargs, names), shown)
