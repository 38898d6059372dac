"""The experiments: an agent, an environment, how long, and what differs from the agent's defaults."""

from dataclasses import dataclass, field
from typing import Any

from registry.lookup import look_up


@dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        name: "<task>/<agent>".
        agent: Name in `registry.agents`.
        env: Registered id of the environment.
        total_timesteps: Frames of training, all lanes together.
        num_envs: Lanes.
        source: Where the settings come from.
        policy: Name of the policy that acts.
        env_kwargs: Settings of the environment that differ from its defaults.
        overrides: Settings of the agent that differ from its defaults.
    """

    name: str
    agent: str
    env: str
    total_timesteps: int
    num_envs: int
    source: str
    policy: str = "LstmPolicy"
    env_kwargs: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        Preset(
            name="imaze/ald",
            agent="ald",
            env="MemoryEnvs/IMaze-v0",
            total_timesteps=700_000,
            num_envs=28,
            source="9x9 I-Maze of Parisotto & Salakhutdinov 2021, with a learner small enough for a CPU",
        ),
        Preset(
            name="imaze-15x15/ald",
            agent="ald",
            env="MemoryEnvs/IMaze-15x15-v0",
            total_timesteps=2_500_000,
            num_envs=16,
            source="imaze/ald with a memory that outlasts an exploring walk from cue to goal",
            overrides={"unroll_length": 80, "learner_memory": 160},
        ),
        Preset(
            name="imaze/vmpo-gtrxl",
            agent="vmpo",
            policy="GTrXLPolicy",
            env="MemoryEnvs/IMaze-v0",
            total_timesteps=700_000,
            num_envs=28,
            source="imaze/ald with its learner acting for itself",
        ),
        Preset(
            name="imaze/vmpo-lstm",
            agent="vmpo",
            policy="LstmPolicy",
            env="MemoryEnvs/IMaze-v0",
            total_timesteps=700_000,
            num_envs=28,
            source="imaze/ald with its actor learning for itself",
        ),
        Preset(
            name="imaze/asymmetric",
            agent="vmpo",
            policy="AsymmetricPolicy",
            env="MemoryEnvs/IMaze-v0",
            total_timesteps=700_000,
            num_envs=28,
            source="imaze/ald with its actor learning for itself, from the values of its learner",
        ),
    )
}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        ValueError: There is no such preset.
    """
    return look_up(PRESETS, "preset", name)
