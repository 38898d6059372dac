"""The environments: which ids exist, where each lives, with which settings."""

from dataclasses import dataclass, field
from typing import Any

import gymnasium

from memory_envs.registry.specs import TaskSpec


@dataclass(frozen=True)
class EnvRow:
    """One environment id.

    Attributes:
        id: What `gymnasium.make` is called with.
        entry_point: "module:NameEnv" of the single environment; beside it is the vector one, NameVectorEnv.
        max_episode_steps: Its time limit, which follows from its settings.
        reward_threshold: Mean return of 1,000 episodes from which on the task counts as solved.
        kwargs: Settings that differ from the defaults of the classes.
    """

    id: str
    entry_point: str
    max_episode_steps: int
    reward_threshold: float
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def vector_entry_point(self) -> str:
        """The "module:Class" of the vector environment."""
        return f"{self.entry_point.removesuffix('Env')}VectorEnv"


_IMAZE = "memory_envs.imaze:IMazeEnv"
_META_FETCH = "memory_envs.meta_fetch:MetaFetchEnv"

ENVS = (
    # A return of 0.95 is out of reach without memory (0.5 at best: the goal of one cue, none where the other
    # cue was seen) and leaves room for a wrong goal in 1 of 40 episodes: 0.975 - 0.025.
    EnvRow("MemoryEnvs/IMaze-v0", _IMAZE, 150, reward_threshold=0.95),
    EnvRow("MemoryEnvs/IMaze-7x7-v0", _IMAZE, 105, reward_threshold=0.95, kwargs={"size": 7}),
    EnvRow("MemoryEnvs/IMaze-15x15-v0", _IMAZE, 350, reward_threshold=0.95, kwargs={"size": 15}),
    EnvRow("MemoryEnvs/IMaze-21x21-v0", _IMAZE, 650, reward_threshold=0.95, kwargs={"size": 21}),
    EnvRow("MemoryEnvs/IMaze-31x31-v0", _IMAZE, 1372, reward_threshold=0.95, kwargs={"size": 31}),
    EnvRow("MemoryEnvs/IMaze-Cues4-v0", _IMAZE, 150, reward_threshold=0.95, kwargs={"num_cues": 4}),
    EnvRow(
        "MemoryEnvs/IMaze-Cues8-v0",
        _IMAZE,
        438,
        reward_threshold=0.95,
        kwargs={"size": 17, "num_cues": 8},
    ),
    # 80 % of what perfect memory earns: 31.0 and 29.5.
    EnvRow("MemoryEnvs/IMaze-Endless-v0", _IMAZE, 600, reward_threshold=25.0, kwargs={"endless": True}),
    EnvRow(
        "MemoryEnvs/IMaze-Endless-Cues4-v0",
        _IMAZE,
        600,
        reward_threshold=23.0,
        kwargs={"num_cues": 4, "endless": True},
    ),
    # 80 % of what the reference policy with perfect memory earns: 49.6 and 69.4 (memory_envs.policies).
    EnvRow("MemoryEnvs/MetaFetch-v0", _META_FETCH, 300, reward_threshold=40.0),
    EnvRow("MemoryEnvs/MetaFetch-4-v0", _META_FETCH, 450, reward_threshold=55.0, kwargs={"num_objects": 4}),
)

OTHER_NAMES = {
    "MemoryEnvs/IMaze-9x9-v0": "MemoryEnvs/IMaze-v0",
    "MemoryEnvs/MetaFetch-3-v0": "MemoryEnvs/MetaFetch-v0",
}
"""Ids that follow from the names of the others, and for which Gymnasium would propose another size.

What is made by one of them has the id of the row, as have its replays, certificates and runs.
"""

_MODULE = "memory_envs:"


def register_envs() -> None:
    """Register every row with Gymnasium; rows already there are left alone, so a second call is harmless."""
    rows = {row.id: row for row in ENVS}
    for name, row in (rows | {other: rows[own] for other, own in OTHER_NAMES.items()}).items():
        if name not in gymnasium.registry:
            gymnasium.register(
                id=name,
                entry_point=row.entry_point,
                vector_entry_point=row.vector_entry_point,
                reward_threshold=row.reward_threshold,
                kwargs=dict(row.kwargs),
            )
            gymnasium.registry[name] = TaskSpec.of(gymnasium.registry[name], row.max_episode_steps)


def registered_id(env_id: str) -> str:
    """Return an id as the table has it; one that it does not have comes back as it is.

    Args:
        env_id: Also with the "memory_envs:" that `gymnasium.make` takes before it, or one of `OTHER_NAMES`.
    """
    env_id = env_id.removeprefix(_MODULE)
    return OTHER_NAMES.get(env_id, env_id)
