"""Replays: episodes as small files that are recorded, verified and shown again.

`python -m memory_envs.replay FILE` verifies a replay and shows it as text, GIF or MP4.
"""

from memory_envs.replay.episode import (
    FORMAT,
    NAMESPACE,
    Replay,
    ReplayError,
    ReplayMismatch,
    open_env,
    record,
    registered_id,
    task_of,
)

__all__ = [
    "FORMAT",
    "NAMESPACE",
    "Replay",
    "ReplayError",
    "ReplayMismatch",
    "open_env",
    "record",
    "registered_id",
    "task_of",
]
