"""Tasks of installed libraries, with observations that a network of plain layers reads."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.wrappers import FlattenObservation, FrameStackObservation, TransformObservation

from agents.process.extras import require

# Position, velocity, angle, angular velocity; the two that can be seen at rest.
_AT_REST = (0, 2)
# The codes that MiniGrid has for what is in a cell: kinds of objects, colours, states.
_CODES = (11, 6, 3)


def gymnasium_task(env_id: str, library: str | None = None) -> gymnasium.Env[Any, Any]:
    """Make a task of Gymnasium's own.

    Raises:
        ImportError: It needs a library that is not installed; names the extra.
    """
    if library is not None:
        require(library, env_id)
    return gymnasium.make(env_id, disable_env_checker=True)


def cart_pole_without_velocities() -> gymnasium.Env[Any, Any]:
    """Make CartPole-v1 with position and angle alone; rewards and the limit of 500 steps stay."""
    env = gymnasium_task("CartPole-v1")
    whole = env.observation_space
    assert isinstance(whole, spaces.Box)
    seen = list(_AT_REST)
    space: spaces.Box = spaces.Box(whole.low[seen], whole.high[seen], dtype=np.float32)
    return TransformObservation(env, lambda observation: observation[seen], space)


def pendulum_without_velocity() -> gymnasium.Env[Any, Any]:
    """Make Pendulum-v1 with cosine and sine of its angle alone; torques and the limit of 200 steps stay."""
    env = gymnasium_task("Pendulum-v1")
    space: spaces.Box = spaces.Box(-1.0, 1.0, (2,), np.float32)
    return TransformObservation(env, lambda observation: observation[:2], space)


def mini_grid(env_id: str) -> gymnasium.Env[Any, Any]:
    """Make a MiniGrid task whose codes are written one-hot, with the direction that it tells beside them.

    MiniGrid's image has numbers for names: 5 is a key, 6 a ball. Its own OneHotPartialObsWrapper writes the
    same bits, cell by cell in Python. The mission, which is the same sentence in every episode of these
    tasks, is left out.

    Raises:
        ImportError: minigrid is not installed; names the extra.
    """
    require("minigrid", env_id)  # it registers its ids
    env = gymnasium.make(env_id, disable_env_checker=True)
    tables = [np.eye(count, dtype=np.float32) for count in _CODES]
    directions = np.eye(4, dtype=np.float32)

    def bits(observation: dict[str, Any]) -> np.ndarray:
        image = observation["image"]
        layers = [table[image[..., k]].ravel() for k, table in enumerate(tables)]
        return np.concatenate([*layers, directions[observation["direction"]]])

    assert isinstance(env.observation_space, spaces.Dict)
    cells = int(np.prod(env.observation_space["image"].shape[:2]))  # type: ignore[index]
    return TransformObservation(
        env, bits, spaces.Box(0.0, 1.0, (cells * sum(_CODES) + len(directions),), np.float32)
    )


def stacked(env: gymnasium.Env[Any, Any], frames: int) -> gymnasium.Env[Any, Any]:
    """Show the latest observations together, zeros before the first; choices are written one-hot."""
    return FlattenObservation(FrameStackObservation(FlattenObservation(env), frames, padding_type="zero"))
