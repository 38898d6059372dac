"""A rulebook becomes loops over lanes, which `memory_envs.stepping.compilation` compiles.

A rulebook is a module of scalar functions: `begin`, `transition`, `observe`, `write_notes`, `write_facts`
and `is_success` on the NamedTuples `Config` and `State`, with the constants `NUM_ACTIONS`, `NUM_TILES`,
`NUM_NOTES` and `FACTS`. The kernels made here are all that runs of it in play: one lane for `gym.make`, many
for `gym.make_vec`, every autoreset mode inside the same loop.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple, get_type_hints

import numpy as np
from numba.extending import overload
from numba.np.unsafe import ndarray as unsafe
from numpy.typing import NDArray

from memory_envs.rules import routine, rule
from memory_envs.rules.randomness import episode_key
from memory_envs.stepping.addresses import bytes_at, floats_at, integers_at

to_fixed_tuple: Any = unsafe.to_fixed_tuple

STREAM, EPISODE, PHASE, FIELDS = range(4)
"""Columns of a lane's row of int64: stream, episode number and phase, then the fields of the State."""

NEVER_RESET, RUNNING, OVER = range(3)
"""Phases of a lane."""

NEXT_STEP, SAME_STEP, DISABLED = range(3)
"""Autoreset modes, in the order of gymnasium.vector.AutoresetMode."""

TERMINATED, TRUNCATED, SUCCESS, FINAL_SUCCESS = range(4)
NUM_FLAGS = 4
"""Rows of the flags a step writes; FINAL_SUCCESS is that of an episode that ended and was reset at once."""


ONEHOT, TILES, RGB = range(3)
"""How a window is written into an observation: see `write` and `draw`."""


class Loops(NamedTuple):
    """What `memory_envs.stepping.compilation.Kernels` compiles of one rulebook, as Python functions."""

    reset: Callable[..., None]
    step: Callable[..., int]
    step_one: Callable[[int, int], tuple[int, float]]
    facts: Callable[..., None]
    events: Callable[..., None]
    state: Callable[..., None]


class Pen(NamedTuple):
    """What observations are written with.

    Attributes:
        view: Scratch for a window of tile codes, uint8 [height, width].
        notes: Scratch for the notes behind it, uint8 [NUM_NOTES], each 0 or 1.
        sprites: The picture of each tile, uint8 [tiles, cell, cell, 3]; read for RGB only, but for how many.
        kind: ONEHOT, TILES or RGB.
    """

    view: NDArray[np.uint8]
    notes: NDArray[np.uint8]
    sprites: NDArray[np.uint8]
    kind: int


class PackedConfig(NamedTuple):
    """A rulebook's Config as arrays, which a compiled function accepts faster than a tuple."""

    integers: NDArray[np.int64]
    floats: NDArray[np.float64]


def pack(config: Any) -> PackedConfig:
    """Return a Config as arrays. Its integer fields come first, then its floats.

    Raises:
        TypeError: The fields of the Config are annotated otherwise.
    """
    hints = list(get_type_hints(type(config)).values())
    integers = hints.count(int)
    if hints != [int] * integers + [float] * (len(hints) - integers):
        raise TypeError(f"{type(config).__name__} must have int fields, then float fields, got {hints}")
    return PackedConfig(
        np.array(config[:integers], dtype=np.int64), np.array(config[integers:], dtype=np.float64)
    )


class Table(NamedTuple):
    """All that the step of a lane that is alone needs, as a single array: addresses, then lengths.

    A compiled function takes an integer, the address of this, at a tenth of the cost of these arrays.
    """

    integers: int
    floats: int
    row: int
    window: int
    notes: int
    sprites: int
    observation: int
    num_integers: int
    num_floats: int
    num_fields: int
    height: int
    width: int
    num_notes: int
    num_tiles: int
    cell: int
    size: int
    kind: int


TABLE_SIZE = len(Table._fields)


def make_table(config: PackedConfig, rows: Any, pen: Pen, observation: Any) -> NDArray[np.int64]:
    """Return the `Table` of a lane; the arrays must outlive it.

    Args:
        config: Of the lane.
        rows: int64 [1, FIELDS + fields of State].
        pen: What observations are written with.
        observation: uint8 [size of an observation].
    """
    arrays = (*config, rows, pen.view, pen.notes, pen.sprites, observation)
    lengths = (
        *map(len, config),
        rows.size,
        *pen.view.shape,
        len(pen.notes),
        *pen.sprites.shape[:2],
        observation.size,
    )
    return np.array([*(each.ctypes.data for each in arrays), *lengths, pen.kind], dtype=np.int64)


def make_loops(rulebook: ModuleType) -> Loops:
    """Return the loops over lanes, as plain Python functions, that `Kernels` compiles.

    Arguments they share: `integers`, `floats` (the packed Config), `rows` int64 [N, FIELDS + fields of
    State], `view`, `notes`, `sprites`, `kind` (a `Pen`) and `observations` uint8 [N, size of an observation]
    (written).

    - `reset(integers, floats, rows, view, notes, sprites, kind, mask, observations)`: `mask` bool [N] chooses
      lanes.
    - `step(integers, floats, rows, view, notes, sprites, kind, autoreset, actions, observations,
      final_observations, final_rows, rewards, flags)`: `actions` int64 [N]; `final_observations` and
      `final_rows`, written for lanes that end, have no rows unless `autoreset` is SAME_STEP, `final_rows` may
      have none then too; `rewards` float64 [N]; `flags` bool [NUM_FLAGS, N]. Returns -1, or the first lane
      that cannot be stepped (bad action, or no episode running), in which case nothing has been changed.
    - `step_one(table, action)`: `table` is the address of a `Table`, whose lane is left as it ends. Returns
      1 << each flag that is set, and the reward; or -1 and 0 where the lane cannot be stepped.
    - `facts(integers, floats, rows, facts)`: `facts` int64 [N, len(FACTS)] (written).
    - `events(integers, floats, before, after, events)`: rows, and `events` int64 [N, len(EVENTS)] (written).
    - `state(integers, floats, rows, numbers)`: `numbers` float64 [N, len(STATE)] (written).
    """
    Config, State = rulebook.Config, rulebook.State
    transition, observe, is_success = rulebook.transition, rulebook.observe, rulebook.is_success
    begin, num_actions = rulebook.begin, rulebook.NUM_ACTIONS
    write_notes, write_facts = rulebook.write_notes, rulebook.write_facts
    write_events = getattr(rulebook, "write_events", write_no_events)
    write_state = getattr(rulebook, "write_state", write_no_state)

    @routine
    def begin_lane(config: Any, row: Any) -> None:
        store(row, begin(config, episode_key(row[STREAM], row[EPISODE])))
        row[PHASE] = RUNNING

    @rule
    def advance_lane(config: Any, row: Any, action: int, flags: Any) -> float:
        state, reward, terminated, truncated = transition(config, load(State, row), action)
        store(row, state)
        row[PHASE] = OVER if terminated or truncated else RUNNING
        flags[TERMINATED] = terminated
        flags[TRUNCATED] = truncated
        flags[SUCCESS] = is_success(config, state)
        return reward

    @rule
    def observe_lane(config: Any, row: Any, view: Any, notes: Any) -> None:
        state = load(State, row)
        observe(config, state, view)
        write_notes(config, state, notes)

    @routine
    def observe_lanes(
        config: Any, rows: Any, view: Any, notes: Any, sprites: Any, kind: int, over: bool, outs: Any
    ) -> None:
        # A loop for each form: one loop with a choice inside runs at less than half the speed.
        if kind == RGB:
            for lane in range(len(rows)):
                if not over or rows[lane, PHASE] == OVER:
                    observe_lane(config, rows[lane], view, notes)
                    draw(view, notes, sprites, outs[lane])
        else:
            for lane in range(len(rows)):
                if not over or rows[lane, PHASE] == OVER:
                    observe_lane(config, rows[lane], view, notes)
                    write(view, notes, len(sprites) if kind == ONEHOT else 0, outs[lane])

    @routine
    def begin_ended(config: Any, rows: Any, final_rows: Any, flags: Any) -> None:
        for lane in range(len(rows)):
            row = rows[lane]
            if row[PHASE] == OVER:
                if len(final_rows) > 0:
                    final_rows[lane] = row
                flags[FINAL_SUCCESS, lane] = flags[SUCCESS, lane]
                flags[SUCCESS, lane] = False
                row[EPISODE] += 1
                begin_lane(config, row)

    def reset(
        integers: Any,
        floats: Any,
        rows: Any,
        view: Any,
        notes: Any,
        sprites: Any,
        kind: int,
        mask: Any,
        observations: Any,
    ) -> None:
        config = unpack(Config, integers, floats)
        for lane in range(len(rows)):
            if mask[lane]:
                begin_lane(config, rows[lane])
        observe_lanes(config, rows, view, notes, sprites, kind, False, observations)

    def step(
        integers: Any,
        floats: Any,
        rows: Any,
        view: Any,
        notes: Any,
        sprites: Any,
        kind: int,
        autoreset: int,
        actions: Any,
        observations: Any,
        final_observations: Any,
        final_rows: Any,
        rewards: Any,
        flags: Any,
    ) -> int:
        refused = first_refused(rows, actions, num_actions, autoreset)
        if refused >= 0:
            return refused
        config = unpack(Config, integers, floats)
        flags[:] = False
        for lane in range(len(rows)):
            row = rows[lane]
            if row[PHASE] == OVER:
                row[EPISODE] += 1
                begin_lane(config, row)
                rewards[lane] = 0.0
            else:
                rewards[lane] = advance_lane(config, row, actions[lane], flags[:, lane])
        if autoreset == SAME_STEP:
            observe_lanes(config, rows, view, notes, sprites, kind, True, final_observations)
            begin_ended(config, rows, final_rows, flags)
        observe_lanes(config, rows, view, notes, sprites, kind, False, observations)
        return -1

    def step_one(table: int, action: int) -> tuple[int, float]:
        numbers = integers_at(table, TABLE_SIZE)
        t = unpack(Table, numbers, numbers[:0])
        row = integers_at(t.row, t.num_fields)
        if row[PHASE] != RUNNING or action < 0 or action >= num_actions:
            return -1, 0.0
        config = unpack(Config, integers_at(t.integers, t.num_integers), floats_at(t.floats, t.num_floats))
        flags = np.zeros(NUM_FLAGS, dtype=np.bool_)
        reward = advance_lane(config, row, action, flags)
        rows, outs = row.reshape(1, len(row)), bytes_at(t.observation, (1, t.size))
        view, notes = bytes_at(t.window, (t.height, t.width)), bytes_at(t.notes, (t.num_notes,))
        sprites = bytes_at(t.sprites, (t.num_tiles, t.cell, t.cell, 3))
        observe_lanes(config, rows, view, notes, sprites, t.kind, False, outs)
        bits = 0
        for flag in range(NUM_FLAGS):
            bits |= int(flags[flag]) << flag
        return bits, reward

    def facts(integers: Any, floats: Any, rows: Any, facts: Any) -> None:
        config = unpack(Config, integers, floats)
        for lane in range(len(rows)):
            write_facts(config, load(State, rows[lane]), facts[lane])

    def events(integers: Any, floats: Any, before: Any, after: Any, events: Any) -> None:
        config = unpack(Config, integers, floats)
        for lane in range(len(before)):
            write_events(config, load(State, before[lane]), load(State, after[lane]), events[lane])

    def state(integers: Any, floats: Any, rows: Any, numbers: Any) -> None:
        config = unpack(Config, integers, floats)
        for lane in range(len(rows)):
            write_state(config, load(State, rows[lane]), numbers[lane])

    return Loops(reset, step, step_one, facts, events, state)


@rule
def write_no_events(config: Any, before: Any, after: Any, events: Any) -> None:
    """Write nothing, for a rulebook that names no events."""


@rule
def write_no_state(config: Any, state: Any, numbers: Any) -> None:
    """Write nothing, for a rulebook that names no numbers."""


@routine
def first_refused(rows: Any, actions: Any, num_actions: int, autoreset: int) -> int:
    """Return the first lane that cannot be stepped, or -1. A lane about to be reset ignores its action."""
    for lane in range(len(rows)):
        if rows[lane, PHASE] == OVER and autoreset == NEXT_STEP:
            continue
        if rows[lane, PHASE] != RUNNING or actions[lane] < 0 or actions[lane] >= num_actions:
            return lane
    return -1


@rule
def write(view: Any, notes: Any, channels: int, out: Any) -> None:
    """Write a window of tile codes, and the notes behind it, into an observation, uint8 [its size].

    Each cell takes one byte for its code or, if there are channels, one for each of them: one-hot.
    """
    height, width = view.shape
    if channels > 0:
        out[:] = 0
    base, stride = 0, max(channels, 1)
    for view_row in range(height):
        for view_column in range(width):
            code = int(view[view_row, view_column])
            if channels > 0:
                out[base + code] = 1
            else:
                out[base] = code
            base += stride
    for note in range(len(notes)):
        out[base + note] = notes[note]


@rule
def draw(view: Any, notes: Any, sprites: Any, out: Any) -> None:
    """Draw a window of tile codes, and the notes below it, into an observation, uint8 [its size].

    The image is written row by row from the sprites of the cells. The band below it, half a cell high, is cut
    into as many parts as there are notes, each bright for 1 and dark for 0.
    """
    height, width = view.shape
    cell, place = sprites.shape[1], 0
    for view_row in range(height):
        for y in range(cell):
            for view_column in range(width):
                code = int(view[view_row, view_column])
                for x in range(cell):
                    for channel in range(3):
                        out[place] = sprites[code, y, x, channel]
                        place += 1
    draw_notes(notes, width * cell, cell // 2, out)


@rule
def draw_notes(notes: Any, width: int, height: int, out: Any) -> None:
    """Write the band of the notes, `height` rows of `width` pixels, to the end of an image."""
    count = len(notes)
    if count == 0:
        return
    place = len(out) - height * width * 3
    for _ in range(height):
        for x in range(width):
            for _ in range(3):
                out[place] = 255 * notes[x * count // width]
                place += 1


@rule
def store(row: Any, state: Any) -> None:
    """Write a State into the row of its lane."""
    for field in range(len(state)):
        row[FIELDS + field] = state[field]


def load(kind: Any, row: Any) -> Any:
    """Read the State of a lane from its row."""
    return kind(*(int(value) for value in row[FIELDS:]))


@overload(load, strict=False)
def _load(kind: Any, row: Any) -> Any:
    count = len(kind.instance_class._fields)
    return lambda kind, row: kind(*to_fixed_tuple(row[FIELDS:], count))


def unpack(kind: Any, integers: Any, floats: Any) -> Any:
    """Return the Config that `pack` was given."""
    return kind(*(int(value) for value in integers), *(float(value) for value in floats))


@overload(unpack, strict=False)
def _unpack(kind: Any, integers: Any, floats: Any) -> Any:
    hints = list(get_type_hints(kind.instance_class).values())
    whole, real = hints.count(int), hints.count(float)
    if real == 0:
        return lambda kind, integers, floats: kind(*to_fixed_tuple(integers, whole))
    return lambda kind, integers, floats: kind(
        *(to_fixed_tuple(integers, whole) + to_fixed_tuple(floats, real))
    )
