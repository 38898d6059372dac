"""What training may be shown beside an observation, and acting never needs: further parts of a Dict."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from gymnasium.spaces import Box, Dict
from numpy.typing import NDArray

from memory_envs.registry.lookup import did_you_mean
from memory_envs.rules.grid import FULL
from memory_envs.stepping.compilation import Kernels
from memory_envs.stepping.kernels import Pen, pack
from memory_envs.task import Task

OBSERVATION = "observation"
"""The part of the Dict that the agent sees: all that is shown where nothing privileged is asked for."""

KINDS = ("full", "memory", "state")
"""The observation of the twin that sees what has to be remembered; what a perfect memory would know; where
everything lies as the agent looks, and the answer."""

Parts = dict[str, NDArray[Any]]
Shown: TypeAlias = Any
"""Observations: an array, or with privileged parts a dictionary of arrays."""


def offered(task: Task, config: Any) -> list[str]:
    """Return the kinds that a task has, in the order of KINDS."""
    has = {
        "full": "observability" in config._fields,
        "memory": bool(_remembered(task, config)),
        "state": hasattr(task.rules, "STATE"),
    }
    return [kind for kind in KINDS if has[kind]]


def checked_privileged(privileged: str | Sequence[str], task: Task, config: Any) -> tuple[str, ...]:
    """Return the kinds that are asked for; a single one may be named by itself.

    Raises:
        TypeError: It is neither a name nor a list of names.
        ValueError: There is no such kind, the task does not have it, or it is named twice.
    """
    names = [privileged] if isinstance(privileged, str) else privileged
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"privileged must be a name or a list of names, got {privileged!r}")
    choices = offered(task, config)
    for name in names:
        if name not in choices:
            hint = did_you_mean(name, choices)
            offer = ", ".join(choices) or "nothing"
            raise ValueError(f"privileged may name {offer} in {task.name}, got {privileged!r}{hint}")
    if len(set(names)) < len(names):
        raise ValueError(f"privileged must name each kind once, got {privileged!r}")
    return tuple(names)


def lane_of(observations: Shown, lane: int) -> Shown:
    """Return the observation of one lane."""
    if isinstance(observations, dict):
        return {name: part[lane] for name, part in observations.items()}
    return observations[lane]


class Privileged:
    """Writes the further parts of the observations of lanes of one task and configuration.

    Args:
        task: The task.
        config: The Config of its rules.
        kinds: Which parts.
        space: Of one observation without them.
        pen: What observations are written with.
    """

    def __init__(self, task: Task, config: Any, kinds: Sequence[str], space: Box, pen: Pen) -> None:
        self._rules, self._pen, self._space = task.rules, pen, space
        self._config = pack(config)
        self._twin = pack(config._replace(observability=FULL)) if "full" in kinds else None
        self._remembered = _remembered(task, config)
        self._places = [list(task.rules.FACTS).index(name) for name in self._remembered]
        number = np.dtype(space.dtype).type
        of_kind = {"full": space, "memory": Box(0, 1, (sum(self._remembered.values()),), number)}
        if "state" in kinds:
            of_kind["state"] = Box(-1.0, 1.0, (len(task.rules.STATE),), np.float32)
        self.kinds = tuple(kinds)
        self.space = Dict({OBSERVATION: space, **{kind: of_kind[kind] for kind in kinds}})

    def parts(self, kernels: Kernels, rows: NDArray[np.int64]) -> Parts:
        """Return the privileged parts [N, ...] of the states in `rows`, made like `Lanes.rows`."""
        write = {"full": self._full, "memory": self._memory, "state": self._state}
        return {kind: write[kind](kernels, rows) for kind in self.kinds}

    def _full(self, kernels: Kernels, rows: NDArray[np.int64]) -> NDArray[Any]:
        assert self._twin is not None
        written = np.empty((len(rows), int(np.prod(self._space.shape))), dtype=np.uint8)
        nobody = np.zeros(len(rows), dtype=np.bool_)  # begins anew: all are observed as they are
        kernels.reset(*self._twin, rows, *self._pen, nobody, written)
        return written.reshape(-1, *self._space.shape).astype(self._space.dtype, copy=False)

    def _memory(self, kernels: Kernels, rows: NDArray[np.int64]) -> NDArray[Any]:
        facts = np.empty((len(rows), len(self._rules.FACTS)), dtype=np.int64)
        kernels.facts(*self._config, rows, facts)
        known = [
            np.eye(number, dtype=self._space.dtype)[facts[:, place]]
            for place, number in zip(self._places, self._remembered.values(), strict=True)
        ]
        return np.concatenate(known, axis=1)

    def _state(self, kernels: Kernels, rows: NDArray[np.int64]) -> NDArray[Any]:
        numbers = np.empty((len(rows), len(self._rules.STATE)))
        kernels.state(*self._config, rows, numbers)
        return numbers.astype(np.float32)


def _remembered(task: Task, config: Any) -> dict[str, int]:
    """What a perfect memory would know: the memory targets that are told of states, with their values."""
    targets = {} if task.memory_targets is None else task.memory_targets(config)
    return {name: number for name, number in targets.items() if name in task.rules.FACTS}
