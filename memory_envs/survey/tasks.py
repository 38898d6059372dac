"""The tasks of the table: whose they are, and how each is seen as a finite one."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import gymnasium

from memory_envs.certificate import Effort, certify, minimal_memory, reference
from memory_envs.certificate.targets import finite_task
from memory_envs.finite import FiniteEnv, FiniteGym, NotFinite, TooLarge, finite_form
from memory_envs.finite.classic import MemoryChain, RepeatFirst, TMaze
from memory_envs.registry.envs import ENVS
from memory_envs.survey.records import Record

EFFORT = Effort(state_limit=20_000, node_limit=300, restarts=4, iterations=300)
"""How far the search for policies without memory goes."""

MINIMAL = Effort(state_limit=20_000, node_limit=200)
"""How far the search for controllers goes."""

_OWN_LIMIT = 500
"""States of an environment of this package up to which controllers are searched for."""


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: What people call it.
        source: Whose it is.
        make: Returns it as a finite task; None takes the certificate that ships.
        library: What has to be installed; None if nothing.
        effort: How far policies without memory are searched.
    """

    name: str
    source: str
    make: Callable[[], FiniteEnv] | None
    library: str | None = None
    effort: Effort = EFFORT

    @property
    def is_installed(self) -> bool:
        """Whether all that it needs is here."""
        return self.library is None or importlib.util.find_spec(self.library) is not None


def _mini_grid(env_id: str) -> FiniteEnv:
    importlib.import_module("minigrid")  # registers the ids
    env = gymnasium.make(env_id)
    limit: Any = env.unwrapped
    return FiniteGym(env, horizon=limit.max_steps, clock="step_count", score="success")


def _popgym(name: str) -> FiniteEnv:
    return FiniteGym(getattr(importlib.import_module("popgym.envs"), name)(), horizon=1000)


def _gymnasium(env_id: str, limit: int | None = None) -> FiniteEnv:
    return finite_form(gymnasium.make(env_id, max_episode_steps=limit))


_OWN = [Task(row.id, "memory-envs", None) for row in ENVS]
_CORRIDORS = [
    *(Task(f"T-maze, length {length}", "Bakker 2001", partial(TMaze, length)) for length in (10, 50)),
    *(
        Task(f"memory_len, length {length}", "bsuite", partial(MemoryChain, length))
        for length in (10, 30, 100)
    ),
]
_CARDS = [
    Task(
        f"RepeatFirst{level}", "POPGym", partial(RepeatFirst, decks), effort=replace(EFFORT, node_limit=2000)
    )
    for level, decks in (("Easy", 1), ("Medium", 8), ("Hard", 16))
]
_TOO_LARGE = [
    Task(f"{name}Easy", "POPGym", partial(_popgym, f"{name}Easy"), "popgym")
    for name in (
        "RepeatPrevious",
        "Autoencode",
        "CountRecall",
        "HigherLower",
        "Concentration",
        "Battleship",
        "MultiarmedBandit",
        "PositionOnlyCartPole",
    )
]
_GRIDS = [
    Task(
        f"MiniGrid-Memory{size}-v0", "MiniGrid", partial(_mini_grid, f"MiniGrid-Memory{size}-v0"), "minigrid"
    )
    for size in ("S7", "S9", "S11", "S13", "S13Random", "S17Random")
]
_CONTROLS = [
    Task(env_id, "Gymnasium", partial(_gymnasium, env_id, limit))
    for env_id, limit in (("FrozenLake-v1", None), ("CliffWalking-v1", 100), ("Taxi-v4", None))
]

TASKS: dict[str, Task] = {
    task.name: task for task in (*_CORRIDORS, *_GRIDS, *_CARDS, *_OWN, *_CONTROLS, *_TOO_LARGE)
}
"""By name, in the order of the table."""


def measured(task: Task) -> Record:
    """Return what is found of a task; what cannot be enumerated is a record, too.

    Raises:
        ImportError: It needs a library that is not installed.
    """
    if task.make is None:
        certificate = reference(task.name)
        small = certificate.states is not None and certificate.states <= _OWN_LIMIT
        return Record(certificate, _states(finite_task(task.name)) if small else None)
    try:
        env = task.make()
        certificate = certify(env, name=task.name, effort=task.effort)
    except (NotFinite, TooLarge) as problem:
        return Record(refused=str(problem))
    return Record(certificate, _states(env))


def _states(env: FiniteEnv) -> str | None:
    try:
        return str(minimal_memory(env, effort=MINIMAL))
    except TooLarge:
        return None
