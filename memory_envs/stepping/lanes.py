"""Lanes: N episodes of one task side by side, the common core of the single and the vector environment."""

import functools
import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import Space
from gymnasium.utils import seeding
from numpy.typing import NDArray

from memory_envs.rules.randomness import STREAM_LIMIT
from memory_envs.rules.settings import plain
from memory_envs.stepping.compilation import compile_rulebook
from memory_envs.stepping.encoding import new_pen, observation_space
from memory_envs.stepping.kernels import (
    DISABLED,
    EPISODE,
    FIELDS,
    NEVER_RESET,
    NUM_FLAGS,
    OVER,
    PHASE,
    RUNNING,
    SAME_STEP,
    STREAM,
    make_table,
    pack,
)
from memory_envs.stepping.privileged import OBSERVATION, Privileged, Shown, lane_of
from memory_envs.task import Task

CONFIG = "config"
"""Name under which a state says of which task and configuration it is."""

OPTIMAL_STEPS = "optimal_steps_remaining"

Facts = dict[str, NDArray[np.int64]]


class Steps(NamedTuple):
    """What one step of N lanes returns. All arrays are new.

    Attributes:
        observations: [N, shape of an observation], of the dtype of the space, after any reset; a
            dictionary of such with privileged parts.
        final_observations: Filled for lanes that ended and were reset at once; without rows in other modes.
        final_rows: The rows of those lanes as they ended, int64; without rows where nobody asked for facts.
        rewards: float64 [N].
        flags: bool [NUM_FLAGS, N], in the order named in `memory_envs.stepping.kernels`.
    """

    observations: Shown
    final_observations: Shown
    final_rows: NDArray[np.int64]
    rewards: NDArray[np.float64]
    flags: NDArray[np.bool_]


class RefusedStep(ValueError):
    """A lane could not be stepped; nothing was changed.

    Attributes:
        lane: The first such lane.
        phase: Its phase: NEVER_RESET or OVER, or RUNNING when the action was the reason.
    """

    def __init__(self, lane: int, phase: int) -> None:
        """Name the lane and its phase."""
        super().__init__(f"lane {lane} in phase {phase} cannot be stepped")
        self.lane = lane
        self.phase = phase


class Lanes:
    """N episodes of one task and configuration, advanced together by compiled code.

    Attributes:
        task: The task.
        config: The Config of its rules.
        rows: int64 [N, FIELDS + fields of State], all that changes; columns as named in
            `memory_envs.stepping.kernels`.
        space: Space of one observation.
    """

    def __init__(
        self,
        task: Task,
        config: Any,
        num_lanes: int,
        observation: str,
        autoreset: int = DISABLED,
        keep_final_rows: bool = False,
        dtype: str = "uint8",
        privileged: tuple[str, ...] = (),
    ) -> None:
        """Set up lanes that have never been reset.

        Raises:
            ValueError: `observation` or `dtype` is unknown.
        """
        self.task = task
        self.config = config
        self._rules = task.rules
        self.rows = np.zeros((num_lanes, FIELDS + len(self._rules.State._fields)), dtype=np.int64)
        box = observation_space(task, config, observation, dtype)
        self._defaults: dict[str, int] = dict(self._rules.State._field_defaults)
        self._kernels = compile_rulebook(self._rules)
        self._config = pack(config)
        pen = new_pen(task, config, observation)
        self._shared, self._pen = (*self._config, self.rows, *pen), pen
        self._arguments = (num_lanes, observation, autoreset, keep_final_rows, dtype, privileged)
        self._autoreset = autoreset
        self._privileged = Privileged(task, config, privileged, box, pen) if privileged else None
        self.space: Space[Any] = box if self._privileged is None else self._privileged.space
        self._box = box
        self._keep_final_rows = keep_final_rows or bool(privileged)
        self._written = (num_lanes, math.prod(box.shape))
        self._is_as_written = len(box.shape) == 1 and dtype == "uint8" and not privileged
        self._no_observations = np.empty((0, self._written[1]), dtype=np.uint8)
        self._no_rows = np.empty((0, self.rows.shape[1]), dtype=np.int64)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle by what the lanes were made from, as compiled code cannot be."""
        return _remade, (self.task, self.config, self._arguments, self.rows.copy())

    def begin(self, mask: NDArray[np.bool_]) -> Shown:
        """Begin the episodes named in the rows of the lanes of `mask`, bool [N]; observe all lanes."""
        observations = np.empty(self._written, dtype=np.uint8)
        self._kernels.reset(*self._shared, mask, observations)
        return self._shown(observations, self.rows)

    def step(self, actions: NDArray[np.int64]) -> Steps:
        """Play one action per lane, int64 [N].

        Raises:
            RefusedStep: A lane has no episode running or its action is out of range.
        """
        observations = np.empty(self._written, dtype=np.uint8)
        final_observations, final_rows = self._no_observations, self._no_rows
        if self._autoreset == SAME_STEP:
            final_observations = np.empty_like(observations)
            if self._keep_final_rows:
                final_rows = self.rows.copy()  # those of lanes that go on are states, too
        rewards, flags = np.empty(len(actions)), np.empty((NUM_FLAGS, len(actions)), dtype=np.bool_)
        outputs = (observations, final_observations, final_rows, rewards, flags)
        refused = self._kernels.step(*self._shared, self._autoreset, actions, *outputs)
        if refused >= 0:
            raise RefusedStep(refused, int(self.rows[refused, PHASE]))
        if self._is_as_written:
            return Steps(*outputs)
        return Steps(
            self._shown(observations, self.rows), self._shown(final_observations, final_rows), *outputs[2:]
        )

    def step_one(self, action: int) -> tuple[Shown, float, int]:
        """Play an action in the only lane, which is left as it is when its episode ends.

        Returns:
            The observation, the reward, and 1 << each flag that is set.

        Raises:
            RefusedStep: No episode is running or the action is out of range.
        """
        play, address, copied, _ = self._alone
        bits, reward = play(address, action)
        if bits < 0:
            raise RefusedStep(0, int(self.rows[0, PHASE]))
        shown = copied()
        if self._privileged is not None:
            shown = lane_of(self._with_privileged(shown[np.newaxis], self.rows), 0)
        return shown, reward, bits

    def compile(self, alone: bool) -> None:
        """Compile now what the first episode needs: to `step_one` or to `step`."""
        for kernel in ("reset", "step_one" if alone else "step"):
            getattr(self._kernels, kernel)

    @functools.cached_property
    def _alone(self) -> tuple[Callable[[int, int], tuple[int, float]], int, Callable[[], Any], Any]:
        """The step of the only lane, the address of its table, a copy of what it observed, the table."""
        observation = np.empty(self._box.shape, dtype=np.uint8)
        table = make_table(self._config, self.rows, self._pen, observation)
        same = self._box.dtype == observation.dtype
        copied = observation.copy if same else functools.partial(observation.astype, self._box.dtype)
        return self._kernels.step_one, table.ctypes.data, copied, table

    def facts(self, rows: NDArray[np.int64], names: Collection[str]) -> Facts:
        """Return what there is to know of the states in `rows`, made like `self.rows`: name to int64 [N].

        Args:
            rows: Of N lanes.
            names: Some of `fact_names(task)`; all others are left out.
        """
        facts = np.empty((len(rows), len(self._rules.FACTS)), dtype=np.int64)
        self._kernels.facts(*self._config, rows, facts)
        named = _columns(self._rules.FACTS, facts, names)
        if self.task.steps_remaining is None or OPTIMAL_STEPS not in names:
            return named
        states = (self._rules.State(*row) for row in rows[:, FIELDS:].tolist())
        remaining = [self.task.steps_remaining(self.config, state) for state in states]
        return named | {OPTIMAL_STEPS: np.array(remaining, dtype=np.int64)}

    def events(self, before: NDArray[np.int64], after: NDArray[np.int64], names: Collection[str]) -> Facts:
        """Return what happened in a step, name to int64 [N]; 0 is nothing.

        Args:
            before: Rows of N lanes before the step, in which a lane that is not running does nothing.
            after: Those after it, or where it ended an episode, those of the episode's end.
            names: Some of `event_names(task)`; all others are left out.
        """
        own = event_names(self.task)
        events = np.zeros((len(before), len(own)), dtype=np.int64)
        if chosen := set(names) & set(own):
            self._kernels.events(*self._config, before, after, events)
            events[before[:, PHASE] != RUNNING] = 0
        return _columns(own, events, chosen)

    def assign(self, lane: int, stream: int | None) -> None:
        """Point a lane to the first episode of `stream`, or, when that is None, to its next episode."""
        row = self.rows[lane]
        row[EPISODE] = 0 if stream is not None else row[EPISODE] + 1
        if stream is not None:
            row[STREAM] = stream

    def state(self, lane: int) -> Any:
        """Return the rulebook's State of a lane, in Python integers."""
        return self._rules.State(*self.rows[lane, FIELDS:].tolist())

    def fingerprint(self, lane: int) -> str:
        """Return 16 hexadecimal digits that stand for a lane's row, the same on every machine.

        Fields at its end that have their default do not count: states have the hash that they had before
        there were such fields.
        """
        row = self.rows[lane].tolist()
        for name in reversed(self._defaults):
            if row[-1] != self._defaults[name]:
                break
            row.pop()
        return hashlib.blake2b(np.array(row, dtype="<i8").tobytes(), digest_size=8).hexdigest()

    def _shown(self, observations: NDArray[np.uint8], rows: NDArray[np.int64]) -> Shown:
        # The kernels write vectors of bytes.
        shaped = observations.reshape(-1, *self._box.shape).astype(self._box.dtype, copy=False)
        return shaped if self._privileged is None else self._with_privileged(shaped, rows)

    def _with_privileged(self, observations: NDArray[Any], rows: NDArray[np.int64]) -> Shown:
        assert self._privileged is not None
        return {OBSERVATION: observations, **self._privileged.parts(self._kernels, rows)}

    def columns(self) -> list[str]:
        """Return the names of the columns of `rows`."""
        return ["stream", "episode", "phase", *self._rules.State._fields]

    def later_values(self, columns: Sequence[str]) -> list[int]:
        """Return the defaults of the columns that came later than those which a state was saved with.

        Raises:
            ValueError: The columns are not those of this task, nor what it had of them before.
        """
        own = self.columns()
        later = own[len(columns) :]
        if [*columns, *later] != own or not set(later) <= set(self._defaults):
            raise ValueError(f"state must have the columns {own}, got {list(columns)}")
        return [self._defaults[name] for name in later]

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return named values of a state, with the defaults of those that came later where they lack."""
        return self._defaults | dict(values)

    def identity(self) -> dict[str, Any]:
        """Return the task and its configuration as states name them: twins, of equal episodes, are one."""
        settings = {name: plain(value) for name, value in self.config._asdict().items()}
        settings.pop("observability", None)
        return {"task": self.task.name} | settings

    def check_identity(self, state: Mapping[str, Any]) -> None:
        """Refuse a state of another task or configuration; one saved before states named it is let pass.

        A setting that the state does not name, because it came later, has the default of the Config's field.

        Raises:
            ValueError: Naming what differs.
        """
        if CONFIG not in state:
            return
        own, found = self.identity(), state[CONFIG]
        if not isinstance(found, Mapping):
            raise ValueError(f"{CONFIG} of the state must be a dictionary, got {found!r}")
        found = self.config._field_defaults | dict(found)
        odd = [name for name in {**own, **found} if own.get(name) != found.get(name)]
        if odd:
            told = (f"{name} {found.get(name)!r} where this one has {own.get(name)!r}" for name in odd)
            raise ValueError(
                f"the state is of an environment of another configuration, with {', '.join(told)}"
            )

    def checked_row(self, values: Sequence[Any], place: str) -> list[int]:
        """Return a row in Python integers.

        Args:
            values: One for each of the columns.
            place: What they are fields of, for the error.

        Raises:
            TypeError: Naming the first that is no integer.
            ValueError: No lane of this configuration can be in it; names what is out of range.
        """
        for name, value in zip(self.columns(), values, strict=True):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
                raise TypeError(f"{place} field {name} must be an integer, got {value!r}")
        row = [int(value) for value in values]
        self.check_row(row)
        return row

    def check_row(self, values: list[int]) -> None:
        """Refuse a row that no lane of this configuration can be in.

        Raises:
            ValueError: Naming what is out of range.
        """
        stream, episode, phase = values[:FIELDS]
        limits = (
            ("stream", stream, STREAM_LIMIT - 1),
            ("episode", episode, 2**32 - 1),
            ("phase", phase, OVER),
        )
        for name, value, limit in limits:
            if not 0 <= value <= limit:
                raise ValueError(f"{name} must be in [0, {limit}], got {value}")
        for name, value in zip(self.columns(), values, strict=True):
            if not -(2**63) <= value < 2**63:
                raise ValueError(f"{name} must be in [-2**63, 2**63), got {value}")
        if phase == NEVER_RESET:
            return
        state = self._rules.State(*values[FIELDS:])
        self._rules.check_state(self.config, state)
        over = self._rules.has_ended(self.config, state)
        if (phase == OVER) != over:
            expected = f"{OVER} (over)" if over else f"{RUNNING} (running)"
            raise ValueError(f"phase must be {expected} in this state, got {phase}")
        if over and self._autoreset == SAME_STEP:
            raise ValueError(f"phase must not be {OVER} (over) where lanes are reset in the same step")


def fact_names(task: Task) -> list[str]:
    """Return the names of what can be told of a state: the rulebook's FACTS and, if the task can, more.

    That is the steps that optimal play would still take.
    """
    return [*task.rules.FACTS, *([] if task.steps_remaining is None else [OPTIMAL_STEPS])]


def event_names(task: Task) -> list[str]:
    """Return the names of what can be told of a step: the rulebook's EVENTS, if it has any."""
    return list(getattr(task.rules, "EVENTS", ()))


def _columns(names: Sequence[str], values: NDArray[np.int64], chosen: Collection[str]) -> Facts:
    return {name: values[:, place].copy() for place, name in enumerate(names) if name in chosen}


def new_stream(generator: np.random.Generator) -> int:
    """Draw the stream of a lane, in [0, STREAM_LIMIT)."""
    return int(generator.integers(STREAM_LIMIT))


def seeded_stream(seed: int) -> int:
    """Return the stream that an environment reset with this seed begins."""
    return new_stream(seeding.np_random(seed)[0])


def _remade(
    task: Task,
    config: Any,
    arguments: tuple[int, str, int, bool, str, tuple[str, ...]],
    rows: NDArray[np.int64],
) -> Lanes:
    lanes = Lanes(task, config, *arguments)
    lanes.rows[:] = rows
    return lanes
