"""What a vector of environments must remember so that training can go on inside its episodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium.error import ResetNeeded
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from agents.vec_env.gymnasium import GymnasiumVecEnv

_STATISTICS = ("episode_returns", "episode_lengths", "episode_count")


def get_env_state(env: VecEnv) -> dict[str, Any] | None:
    """The state of `env` and of its wrappers, or None if some part of it has no state to give.

    Known are this package's vector environments behind `GymnasiumVecEnv`, and SB3's `VecMonitor` around them.
    """
    if isinstance(env, VecMonitor):
        inner = get_env_state(env.venv)
        return inner and {
            "inner": inner,
            "episode_returns": env.episode_returns.copy(),
            "episode_lengths": env.episode_lengths.copy(),
            "episode_count": env.episode_count,
        }
    if isinstance(env, GymnasiumVecEnv) and hasattr(env.env, "get_state"):
        return {"env": env.env.get_state()}
    return None


def set_env_state(env: VecEnv, state: Mapping[str, Any]) -> None:
    """Put `env` into a state that `get_env_state` returned for one of equal make.

    One that is refused changes nothing.

    Raises:
        ValueError: `env` is of another make, or the state lacks something or is one before the first reset.
    """
    if isinstance(env, VecMonitor) and "inner" in state:
        if missing := [name for name in _STATISTICS if name not in state]:
            raise ValueError(f"the saved state of the environments lacks {', '.join(missing)}")
        returns, lengths, count = (state[name] for name in _STATISTICS)
        set_env_state(env.venv, state["inner"])
        env.episode_returns, env.episode_lengths = returns.copy(), lengths.copy()
        env.episode_count = count
    elif isinstance(env, GymnasiumVecEnv) and "env" in state and hasattr(env.env, "set_state"):
        env.env.set_state(state["env"])
        _demand_begun(env.env)
    else:
        raise ValueError(
            f"cannot restore the saved state of the environments in {type(env).__name__}: "
            "build them as for training"
        )


def _demand_begun(env: Any) -> None:
    """Refuse a state in which there is no episode to go on with, where the environment can tell."""
    try:
        getattr(env, "observe", lambda: None)()
    except ResetNeeded as problem:
        raise ValueError(f"the saved state of the environments is none of an episode: {problem}") from problem
