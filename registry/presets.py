"""The experiments: an agent, an environment, a length, and what differs from the agent's defaults."""

import difflib
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from memory_envs.registry import imaze, meta_fetch, paper, ppo
from memory_envs.registry.ablations import ABLATIONS
from memory_envs.registry.lookup import look_up


@dataclass(frozen=True)
class Preset:
    """One experiment.

    Attributes:
        name: "<task>/<agent>", behind "paper/" with the paper's own settings.
        agent: Name in `memory_envs.registry.agents`.
        env: Registered id of the environment.
        total_timesteps: Frames of training, all lanes together.
        num_envs: Lanes.
        source: Where the settings come from.
        policy: Name of the policy that acts.
        env_kwargs: Settings of the environment that differ from its defaults.
        overrides: Settings of the agent that differ from its defaults.
        ablation_of: The preset that this one changes one thing of, or None.
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
    ablation_of: str | None = None


def _ablations(base: Preset) -> Iterator[Preset]:
    for suffix, ablation in ABLATIONS.items():
        yield replace(
            base,
            name=f"{base.name}-{suffix}",
            source=f"{base.name} {ablation.what}",
            overrides=base.overrides | ablation.overrides,
            ablation_of=base.name,
        )


def _meta_fetch(task: str, env: str, total_timesteps: int) -> Iterator[Preset]:
    """ALD on a task of fetching, and an LSTM as large as its actor that learns for itself."""
    row = Preset(
        name=f"{task}/ald",
        agent="ald",
        env=env,
        total_timesteps=total_timesteps,
        num_envs=meta_fetch.NUM_ENVS,
        source="a policy gradient with a short sight, and a learner that sees what was done",
        overrides=meta_fetch.ALD,
    )
    yield row
    yield replace(
        row,
        name=f"{task}/vtrace-lstm",
        agent="vmpo",
        source=f"{row.name} with its actor learning for itself",
        overrides=meta_fetch.LSTM,
    )


def _recurrent_ppo(row: Preset, task: str, source: str, overrides: Mapping[str, Any]) -> Preset:
    """RecurrentPPO in the environment of another preset."""
    return replace(
        row,
        name=f"{task}/recurrent-ppo",
        agent="recurrent-ppo",
        policy="MlpLstmPolicy",
        num_envs=ppo.NUM_ENVS,
        source=source,
        overrides=dict(overrides),
    )


def _taught(
    task: str, env: str, total_timesteps: int, overrides: Mapping[str, Any] = meta_fetch.ALD
) -> Iterator[Preset]:
    """Agents on a task of fetching, their memory taught which object is next: told, or in hindsight."""
    for kind, targets in meta_fetch.TARGETS.items():
        row = Preset(
            name=f"{task}-{kind}/ald",
            agent="ald",
            env=env,
            total_timesteps=total_timesteps,
            num_envs=meta_fetch.NUM_ENVS,
            source=f"{task}/ald with a memory target: {', '.join(targets)}",
            overrides={**overrides, "memory_targets": targets},
        )
        yield row
        yield _recurrent_ppo(
            row,
            f"{task}-{kind}",
            f"RecurrentPPO of sb3-contrib with a memory target: {', '.join(targets)}",
            {**ppo.RECURRENT_PPO, **meta_fetch.PPO, "memory_targets": targets},
        )


def _sb3(
    task: str, env: str, total_timesteps: int, overrides: Mapping[str, Any] = MappingProxyType({})
) -> Iterator[Preset]:
    """SB3's algorithms on a task, with what this task has them change, and random actions."""
    row = Preset("", "random", env, total_timesteps, ppo.NUM_ENVS, "random actions", policy="RandomPolicy")
    yield replace(row, name=f"{task}/random")
    yield replace(
        row,
        name=f"{task}/ppo",
        agent="ppo",
        policy="MlpPolicy",
        source="PPO of Stable-Baselines3, which remembers nothing, with settings for many environments",
        overrides={**ppo.PPO, **overrides},
    )
    yield _recurrent_ppo(
        row,
        task,
        "RecurrentPPO of sb3-contrib with settings for many environments",
        {**ppo.RECURRENT_PPO, **overrides},
    )


_IMAZE_ALD = Preset(
    name="imaze/ald",
    agent="ald",
    env="MemoryEnvs/IMaze-v0",
    total_timesteps=700_000,
    num_envs=imaze.NUM_ENVS,
    source="9x9 I-Maze of Parisotto & Salakhutdinov 2021, with a learner small enough for a CPU",
    overrides=imaze.LEARNER,
)


def _mimic() -> Iterator[Preset]:
    """An LSTM taught by perfect memory: in one maze, and in three at once."""
    row = Preset(
        name="imaze/mimic",
        agent="mimic",
        env="MemoryEnvs/IMaze-v0",
        total_timesteps=250_000,
        num_envs=16,
        source="Actor-Mimic (Parisotto et al. 2015): taught on its own steps by perfect memory",
    )
    yield row
    yield replace(
        row,
        name="imaze-7-9-15/mimic",
        total_timesteps=1_000_000,
        num_envs=18,
        source=f"{row.name} in three mazes at once, long enough to find its way in larger ones, too",
        overrides={"tasks": imaze.SIZES, "actor_hidden_size": 64, "final_learning_rates": 0.1},
    )


def _step_penalty() -> Iterator[Preset]:
    """RecurrentPPO on 9x9 I-Maze where each step costs something, and what it is compared with."""
    row = replace(
        _IMAZE_ALD,
        name="imaze-step-penalty/ald",
        env_kwargs=imaze.STEP_PENALTY,
        source="imaze/ald where each step costs something",
    )
    yield row
    yield replace(
        row,
        name="imaze-step-penalty/vmpo-gtrxl",
        agent="vmpo",
        policy="GTrXLPolicy",
        source=f"{row.name} with its learner acting for itself",
    )
    yield _recurrent_ppo(
        replace(row, total_timesteps=2_000_000),
        "imaze-step-penalty",
        "the best RecurrentPPO that a search found, where each step costs something",
        imaze.RECURRENT_PPO,
    )


_PAPER_ALD = replace(
    _IMAZE_ALD,
    name="paper/imaze/ald",
    total_timesteps=paper.FRAMES,
    num_envs=paper.BATCH,
    source="Parisotto & Salakhutdinov 2021: the paper's agent",
    overrides=paper.ALD,
)

PRESETS: dict[str, Preset] = {
    row.name: row
    for row in (
        _IMAZE_ALD,
        Preset(
            name="imaze-15x15/ald",
            agent="ald",
            env="MemoryEnvs/IMaze-15x15-v0",
            total_timesteps=2_500_000,
            num_envs=16,
            source="imaze/ald with a memory that outlasts an exploring walk from cue to goal, "
            "and advantages that hardly reward a lucky guess",
            overrides=imaze.LARGE,
        ),
        replace(
            _IMAZE_ALD,
            name="imaze-privileged/ald",
            source="imaze/ald whose learner's values see where everything lies and the answer, its actor not",
            overrides=imaze.PRIVILEGED,
        ),
        replace(
            _IMAZE_ALD,
            name="imaze/vmpo-gtrxl",
            agent="vmpo",
            policy="GTrXLPolicy",
            source="imaze/ald with its learner acting for itself",
        ),
        replace(
            _IMAZE_ALD,
            name="imaze/vmpo-lstm",
            agent="vmpo",
            policy="LstmPolicy",
            source="imaze/ald with its actor learning for itself",
        ),
        replace(
            _IMAZE_ALD,
            name="imaze/asymmetric",
            agent="vmpo",
            policy="AsymmetricPolicy",
            source="imaze/ald with its actor learning for itself, from the values of its learner",
        ),
        _PAPER_ALD,
        replace(
            _PAPER_ALD,
            name="paper/imaze/vmpo-gtrxl",
            agent="vmpo",
            policy="GTrXLPolicy",
            source="Parisotto & Salakhutdinov 2021: its transformer acting for itself",
            overrides=paper.VMPO_GTRXL,
        ),
        replace(
            _PAPER_ALD,
            name="paper/imaze/vmpo-lstm",
            agent="vmpo",
            policy="LstmPolicy",
            source="Parisotto & Salakhutdinov 2021: its LSTM learning for itself",
            overrides=paper.VMPO_LSTM,
        ),
        replace(
            _PAPER_ALD,
            name="paper/imaze/asymmetric",
            agent="vmpo",
            policy="AsymmetricPolicy",
            source="Parisotto & Salakhutdinov 2021: its asymmetric actor-critic",
            overrides=paper.ASYMMETRIC,
        ),
        *_ablations(_IMAZE_ALD),
        *_mimic(),
        *_step_penalty(),
        *_meta_fetch("meta-fetch", "MemoryEnvs/MetaFetch-v0", 6_000_000),
        *_meta_fetch("meta-fetch-4", "MemoryEnvs/MetaFetch-4-v0", 8_000_000),
        *_taught("meta-fetch", "MemoryEnvs/MetaFetch-v0", 10_000_000, meta_fetch.TAUGHT_ALD),
        *_taught("meta-fetch-4", "MemoryEnvs/MetaFetch-4-v0", 25_000_000),
        *_sb3("imaze", "MemoryEnvs/IMaze-v0", 2_000_000),
        *_sb3("imaze-15x15", "MemoryEnvs/IMaze-15x15-v0", 4_000_000),
        *_sb3("meta-fetch", "MemoryEnvs/MetaFetch-v0", 8_000_000, meta_fetch.PPO),
        *_sb3("meta-fetch-4", "MemoryEnvs/MetaFetch-4-v0", 10_000_000, meta_fetch.PPO),
    )
}


def get_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        ValueError: There is no such preset; says which is nearest, and which there are, by group, those that
            have names like it first.
    """
    return look_up(PRESETS, "preset", name, choices=listed_presets(like=str(name)))


def listed_presets(like: str | None = None) -> str:
    """Return the presets by group, for a terminal of 80 letters; those with names like this one first."""
    groups: Iterable[tuple[str, list[str]]] = preset_groups().items()
    if like is not None:
        groups = sorted(groups, key=lambda group: -_likeness(like, group[1]))
    return "\n".join(_wrapped(f"{title}: {', '.join(names)}") for title, names in groups)


def _wrapped(text: str) -> str:
    """Names stay whole."""
    return textwrap.fill(
        text,
        80,
        initial_indent="  ",
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _likeness(name: str, others: list[str]) -> float:
    """How alike a name is to the most similar of some others, as difflib counts."""
    return max(difflib.SequenceMatcher(None, name.lower(), other).ratio() for other in others)


def preset_groups() -> dict[str, list[str]]:
    """Return the names of the presets by task, ablations by what they are ablations of."""
    groups: dict[str, list[str]] = {}
    for row in PRESETS.values():
        task = row.name.rpartition("/")[0]
        title = f"ablations of {row.ablation_of}" if row.ablation_of else task
        groups.setdefault(title, []).append(row.name)
    return groups
