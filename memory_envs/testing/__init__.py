"""Checks for any Gymnasium environment: plain functions that raise `ConformanceError`.

    from memory_envs.testing import check_determinism, check_vector

    check_determinism("CartPole-v1")
    check_vector("my_package:Maze-v0", num_envs=8, autoreset_mode="SameStep", kwargs={"size": 9})

On the command line, `python -m memory_envs.testing CartPole-v1` runs all that need no more than an id.

What an environment promises by being one:

- `check_api`: Gymnasium's own checker without a warning, in every render mode; round trips of the spec.
- `check_copies`: deep copies and pickles of running episodes.
- `check_determinism`: a seed and the actions decide everything, in every process.
- `check_vector`: native, synchronous and asynchronous vector environments are equal, lane by lane.
- `check_buffers`: nothing returned is written again, nothing passed in is kept.
- `check_rendering`: frames of the declared kind, without a trace in the episode.
- `check_state`: `get_state` and `set_state`, where there are such.

What a task that needs memory promises, given as a `memory_envs.finite.FiniteEnv` or shown in play:

- `check_leaks`, `check_leaks_in_play`: what must be remembered is nowhere to be read.
- `check_reward_loops`: no reward without end.
"""

from memory_envs.testing.api import check_api, check_copies
from memory_envs.testing.buffers import check_buffers
from memory_envs.testing.determinism import check_determinism
from memory_envs.testing.failure import ConformanceError
from memory_envs.testing.leaks import Leak, check_leaks, check_leaks_in_play, find_leaks
from memory_envs.testing.rendering import check_rendering
from memory_envs.testing.reward_loops import RewardLoop, check_reward_loops, find_reward_loop
from memory_envs.testing.state import check_state, has_state
from memory_envs.testing.vector import VectorPlay, check_vector

__all__ = [
    "ConformanceError",
    "Leak",
    "RewardLoop",
    "VectorPlay",
    "check_api",
    "check_buffers",
    "check_copies",
    "check_determinism",
    "check_leaks",
    "check_leaks_in_play",
    "check_rendering",
    "check_reward_loops",
    "check_state",
    "check_vector",
    "find_leaks",
    "find_reward_loop",
    "has_state",
]
