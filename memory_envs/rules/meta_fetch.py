"""Meta-Fetch: find out in which order a room's objects have to be fetched, then fetch them again and again.

        #########
        #...2...#      a room without inner walls, with the agent (>) and num_objects objects
        #.......#      on random free cells, different in every episode
        #..>....#
        #.......#      hidden: an order, here perhaps 3, 1, 2
        #.1.....#
        #.....3.#
        #.......#
        #########

Walking onto an object fetches it. The next one of the order disappears and is rewarded; any other one stays
where it is, and all that were fetched return to their cells, so that the order has to be begun again. When
the last one is fetched, all return and the sequence can be fetched again, until time is up.

Four or more objects can wall one in, so that the sequence cannot be completed: with 4 objects in 9x9 in one
episode of 6,909, when the first or second of the order lies in a corner between the third and the fourth.

A position of the order is paid once until the sequence is completed. Without this rule, fetching the first
object, then a wrong one, then the first one again would earn without end and without memory. Parisotto &
Salakhutdinov (2021) say of their task no more than that 3 or 4 objects are fetched in a hidden sequence; the
rules, sizes and limits here are this project's. The closest task that is documented is Numpad in Parisotto
et al. (2019).

Settings make other tasks of the kind: objects that lie apart, an agent that always begins at the bottom and
that a wrong object throws back, as in the "Hidden Order Discovery" of Chen et al. (2022), "TransDreamer".

Each function is ordinary Python and, called from a kernel, compiled code. Objects and positions of the order
are numbered from 0.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import routine, rule
from memory_envs.rules.grid import (
    FORWARD,
    NORTH,
    NUM_ACTIONS,
    NUM_HEADINGS,
    OBSERVABILITIES,
    PARTIAL,
    PERFECT_MEMORY,
    TURN_RIGHT,
    as_seen,
    moved_freely,
    turned,
    view_cell,
)
from memory_envs.rules.layouts import (
    NO_CELL,
    ROOM_FOR_ONE,
    SPLITS,
    check_layout,
    draw_layout,
    draw_other_cell,
    object_cell,
)
from memory_envs.rules.order import (
    NOTHING,
    check_found,
    is_fetched,
    is_wrong,
    judged,
    known_positions,
    next_by_memory,
    num_candidates,
    ordered,
)
from memory_envs.rules.randomness import draw, draw_order
from memory_envs.rules.room import (
    FLOOR,
    WALL,
    cell_number,
    cell_place,
    clearance,
    is_open,
    moved,
    show_room,
)
from memory_envs.rules.settings import check_choice, check_fields, check_integer, check_number

OBJECT = 2
"""Tile code of object 0; that of object i is OBJECT + i."""

MOST_OBJECTS = 6
NUM_TILES = OBJECT + MOST_OBJECTS
NUM_NOTES = 1
FACTS = ("order", "progress", "known", "completed", "phase", "known_next", "next_ahead", "next_right")
EVENTS = ("fetched", "avoidable")
_ITEM_STATE = ("ahead", "right", "lies_there", "due")
STATE = (
    *(f"{name}_{item}" for item in range(1, MOST_OBJECTS + 1) for name in _ITEM_STATE),
    *("next_ahead", "next_right", "next_pays"),
    *("free_ahead", "free_right", "free_behind", "free_left"),
)
CLOCK = {"steps": 0, "completed": 0, "ruled_out": 0, "rewarded": 0}
SEARCHING, REPEATING = range(2)
"""Phases: the order is being found out, or was fetched to its end at least once."""

STARTS = ("random", "bottom")
RANDOM, BOTTOM = range(2)
"""Where the agent begins: anywhere, or in the middle of the lowest row, looking up."""

WRONG = ("stay", "back")
STAY, BACK = range(2)
"""What walking onto a wrong object does to the agent: nothing, or it is put back where it came from."""

__all__ = [
    "CLOCK",
    "EVENTS",
    "FACTS",
    "NUM_ACTIONS",
    "NUM_NOTES",
    "NUM_TILES",
    "STATE",
    "Config",
    "State",
    "begin",
    "check_state",
    "configure",
    "has_ended",
    "is_success",
    "observe",
    "transition",
    "write_events",
    "write_facts",
    "write_notes",
    "write_state",
]


class Config(NamedTuple):
    """What stays the same for every episode. Made by `configure`.

    Fields with a default came later: states that were saved before do not name them.
    """

    size: int
    view_size: int
    observability: int
    num_objects: int
    split: int
    max_steps: int
    start: int = 0
    spacing: int = 1
    on_wrong: int = 0
    object_reward: float = 1.0


class State(NamedTuple):
    """One episode in progress.

    Attributes:
        row: Cell of the agent.
        column: Cell of the agent.
        heading: 0 east, 1 south, 2 west, 3 north.
        cells: The layout: where the objects lie, or lay before they were fetched, as one integer; see
            `memory_envs.rules.layouts`.
        order: The hidden order: digit p to the base 8, from the lowest on, is the object at position p.
        progress: Positions of the order that have been fetched; these objects are absent.
        paid: Positions of the order that were paid since a sequence was last completed.
        completed: Sequences completed.
        ruled_out: Objects that were tried in vain at the first position still unknown; bit i is object i.
        rewarded: 1 when the last step was rewarded, else 0.
        steps: Steps taken.
    """

    row: int
    column: int
    heading: int
    cells: int
    order: int
    progress: int
    paid: int
    completed: int
    ruled_out: int
    rewarded: int
    steps: int


@routine
def begin(config: Config, key: int) -> State:
    """Return the first state of the episode with this key: layout, agent, heading and order are drawn."""
    side, count = config.size - 2, config.num_objects
    cells, counter = draw_layout(key, side, count, config.split, config.spacing, kept_free(config))
    if config.start == BOTTOM:
        row, column = start_cell(config)
        return State(row, column, NORTH, cells, draw_order(key, counter, count), 0, 0, 0, 0, 0, 0)
    cell, counter = draw_other_cell(key, counter, side, cells, count)
    row, column = cell_place(config, cell)
    heading = draw(key, counter, NUM_HEADINGS)
    order = draw_order(key, counter + 1, count)
    return State(row, column, heading, cells, order, 0, 0, 0, 0, 0, 0)


@rule
def transition(config: Config, state: State, action: int) -> tuple[State, float, bool, bool]:
    """Play one action.

    Only a step onto another cell can fetch: an object that returns under the agent, or was not next, has to
    be left and walked onto again.

    Returns:
        The next state, the reward, False (nothing but time ends an episode), whether the time limit was met.
    """
    row, column, heading = moved(config, state.row, state.column, state.heading, action)
    touched = NOTHING
    if row != state.row or column != state.column:
        touched = object_at(config, state, row, column)
    if touched != NOTHING and is_wrong(state, touched) and config.on_wrong == BACK:
        row, column = state.row, state.column
    score, steps = judged(config, state, touched), state.steps + 1
    following = State(row, column, heading, state.cells, state.order, *score, steps)
    reward = config.object_reward if following.rewarded == 1 else 0.0
    return following, reward, False, has_ended(config, following)


@rule
def observe(config: Config, state: State, view: NDArray[np.uint8]) -> None:
    """Write the tile codes of the agent's window into `view`, uint8 [view_size, view_size]."""
    show_room(config, state.row, state.column, state.heading, view)
    for item in range(config.num_objects):
        if not is_fetched(state, item):
            row, column = object_place(config, state, item)
            view_row, view_column = view_cell(
                state.row, state.column, state.heading, config.view_size, row, column
            )
            if 0 <= view_row < config.view_size and 0 <= view_column < config.view_size:
                view[view_row, view_column] = OBJECT + item
    if config.observability != PARTIAL:
        view[config.view_size - 1, config.view_size // 2] = OBJECT + hint(config, state)


@rule
def write_notes(config: Config, state: State, notes: NDArray[np.uint8]) -> None:
    """Write the last reward into `notes`, uint8 [1]: nothing in the window tells a fetched object's worth."""
    notes[0] = state.rewarded


@rule
def write_facts(config: Config, state: State, facts: NDArray[np.int64]) -> None:
    """Write what FACTS names into `facts`, int64 [8].

    The order is written as decimal digits, objects numbered from 1: 312 is object 3 first, then 1, then 2.
    `known` counts the leading positions of the order that have been fetched at least once. The phase is
    SEARCHING or REPEATING. `known_next` is the next object of the order, numbered from 1, where the history
    tells it, by elimination, too; else 0. `next_ahead` and `next_right` say where it lies as the agent looks:
    cells ahead and to the right, plus the cells along a side of the room, so that they are greater than 0;
    both are 0 unless it was fetched before in this episode, from which its place is known.
    """
    digits = 0
    for position in range(config.num_objects):
        digits = 10 * digits + 1 + ordered(state, position)
    known = known_positions(config, state)
    facts[0] = digits
    facts[1] = state.progress
    facts[2] = known
    facts[3] = state.completed
    facts[4] = REPEATING if known == config.num_objects else SEARCHING
    facts[5] = 1 + next_by_memory(config, state) if num_candidates(config, state) == 1 else 0
    facts[6] = facts[7] = 0
    if state.progress < known:
        ahead, right = item_as_seen(config, state, ordered(state, state.progress))
        facts[6], facts[7] = config.size - 2 + ahead, config.size - 2 + right


@rule
def write_events(config: Config, before: State, after: State, events: NDArray[np.int64]) -> None:
    """Write what EVENTS names, of the step between two states, into `events`, int64 [2].

    `fetched` is the object that was next and was walked onto, numbered from 1; 0 if none was. `avoidable` is
    1 where another one was walked onto although the history told that it was not next.
    """
    events[0] = events[1] = 0
    touched = touched_between(config, before, after)
    if touched == NOTHING:
        return
    if not is_wrong(before, touched):
        events[0] = 1 + touched
    elif before.progress < known_positions(config, before) or (before.ruled_out >> touched) & 1 == 1:
        events[1] = 1


@rule
def write_state(config: Config, state: State, numbers: NDArray[np.float64]) -> None:
    """Write what STATE names into `numbers`, float64 [len(STATE)], each from -1 to 1.

    Of each object: how far ahead and to the right it lies, or lay before it was fetched, in sides of the
    room; 1 if it lies there; and how soon it is due: 1 if it is next, 1 / num_objects if it is the last to
    come round. All four are 0 of objects that the task does not have. Then where the next one lies, 1 if
    fetching it pays, and how many cells are free in each direction, in sides of the room.
    """
    count, side = config.num_objects, config.size
    numbers[:] = 0.0
    for position in range(count):
        item = ordered(state, position)
        ahead, right = item_as_seen(config, state, item)
        place = len(_ITEM_STATE) * item
        numbers[place] = ahead / side
        numbers[place + 1] = right / side
        numbers[place + 2] = 0.0 if is_fetched(state, item) else 1.0
        numbers[place + 3] = 1.0 - ((position - state.progress) % count) / count
    place = len(_ITEM_STATE) * MOST_OBJECTS
    ahead, right = item_as_seen(config, state, ordered(state, state.progress))
    numbers[place] = ahead / side
    numbers[place + 1] = right / side
    numbers[place + 2] = 1.0 if state.progress >= state.paid else 0.0
    heading = state.heading
    for quarter in range(NUM_HEADINGS):
        numbers[place + 3 + quarter] = clearance(config, state.row, state.column, heading) / side
        heading = turned(heading, TURN_RIGHT)


@rule
def touched_between(config: Config, before: State, after: State) -> int:
    """Return the object that was walked onto in the step between two states, or NOTHING."""
    row, column = after.row, after.column
    if row == before.row and column == before.column:
        # Whoever is put back looks where it looked; so does one that walks into a wall, where nothing lies.
        if config.on_wrong != BACK or after.heading != before.heading:
            return NOTHING
        row, column, _ = moved_freely(row, column, before.heading, FORWARD)
        if not is_open(config, row, column):
            return NOTHING
    return object_at(config, before, row, column)


@rule
def has_ended(config: Config, state: State) -> bool:
    """Return whether the time limit has ended the episode; nothing else does."""
    return state.steps >= config.max_steps


@rule
def is_success(config: Config, state: State) -> bool:
    """Return whether a whole sequence has been fetched in this episode."""
    return state.completed > 0


@rule
def start_cell(config: Config) -> tuple[int, int]:
    """Return the (row, column) where an agent begins that begins at the bottom."""
    return config.size - 2, (config.size - 1) // 2


@rule
def kept_free(config: Config) -> int:
    """Return the number of the cell on which no object may lie, or NO_CELL."""
    if config.start != BOTTOM:
        return NO_CELL
    row, column = start_cell(config)
    return cell_number(config, row, column)


@rule
def hint(config: Config, state: State) -> int:
    """Return the object that the agent's own cell shows unless the task is only partly observable."""
    if config.observability == PERFECT_MEMORY:
        return next_by_memory(config, state)
    return ordered(state, state.progress)


@rule
def object_at(config: Config, state: State, row: int, column: int) -> int:
    """Return the object that lies on a free cell, or NOTHING."""
    cell = cell_number(config, row, column)
    for item in range(config.num_objects):
        if object_cell(state.cells, item) == cell and not is_fetched(state, item):
            return item
    return NOTHING


@rule
def object_place(config: Config, state: State, item: int) -> tuple[int, int]:
    """Return the (row, column) on which an object lies, or lay before it was fetched."""
    return cell_place(config, object_cell(state.cells, item))


@rule
def item_as_seen(config: Config, state: State, item: int) -> tuple[int, int]:
    """Return how far ahead and to the right of the agent an object lies, or lay before it was fetched."""
    row, column = object_place(config, state, item)
    return as_seen(state.heading, row - state.row, column - state.column)


@rule
def tile(config: Config, state: State, row: int, column: int) -> int:
    """Return the tile code of a cell; everything outside the room is wall."""
    if not is_open(config, row, column):
        return WALL
    item = object_at(config, state, row, column)
    return FLOOR if item == NOTHING else OBJECT + item


def configure(
    *,
    size: int = 9,
    num_objects: int = 3,
    view_size: int = 5,
    split: str = "all",
    observability: str = "partial",
    start: str = "random",
    spacing: int = 1,
    on_wrong: str = "stay",
    object_reward: float = 1.0,
    max_episode_steps: int | None = None,
) -> Config:
    """Check the settings of a room and return them as rules and kernels read them.

    Args:
        size: Cells along each side, walls included, from 5 to 17.
        num_objects: Objects, from 2 to 6.
        view_size: Cells along each side of the window; odd, at least 1, at most `size`.
        split: "all", "train" or "test": the layouts that episodes are drawn from. About one layout in five is
            a test layout; no layout, turned or not, is in both.
        observability: What the agent's own cell in the window shows: "partial" what lies there, "full" the
            object that is next, "perfect_memory" the lowest-numbered object that may be next by the history.
        start: "random" lets the agent begin on any free cell with any heading, "bottom" in the middle of the
            lowest row, looking up; no object lies there then.
        spacing: Steps, turns aside, that objects are apart at least; from 1 to 3. The room needs 4 free cells
            per object for 2, and 8 for 3.
        on_wrong: What walking onto an object that is not next does to the agent: with "stay" nothing, with
            "back" it is put back on the cell it came from.
        object_reward: For each object that is paid; finite and at least 0.
        max_episode_steps: Time limit. None takes 150 * (num_objects - 1) * size // 9: for 9x9 300 steps with
            3 objects and 450 with 4.

    Raises:
        TypeError: A number is not an integer.
        ValueError: A setting is out of range.
    """
    size = check_integer("size", size, 5, 17)
    num_objects = check_integer("num_objects", num_objects, 2, MOST_OBJECTS)
    if check_integer("view_size", view_size, 1, odd=True) > size:
        raise ValueError(f"view_size must be at most size={size}, got {view_size}")
    spacing = check_integer("spacing", spacing, 1, len(ROOM_FOR_ONE) - 1)
    if (size - 2) ** 2 < ROOM_FOR_ONE[spacing] * num_objects:
        raise ValueError(
            f"spacing must leave {ROOM_FOR_ONE[spacing]} free cells for each of num_objects={num_objects} in "
            f"size={size}, got {spacing}"
        )
    if max_episode_steps is None:
        max_episode_steps = 150 * (num_objects - 1) * size // 9
    return Config(
        size,
        int(view_size),
        check_choice("observability", observability, OBSERVABILITIES),
        num_objects,
        check_choice("split", split, SPLITS),
        check_integer("max_episode_steps", max_episode_steps, 1),
        check_choice("start", start, STARTS),
        spacing,
        check_choice("on_wrong", on_wrong, WRONG),
        check_number("object_reward", object_reward, 0.0),
    )


def check_state(config: Config, state: State) -> None:
    """Refuse a state that no episode of this configuration can be in.

    Raises:
        ValueError: Naming the first field that is out of range or contradicts another.
    """
    last, count = config.size - 2, config.num_objects
    packed, score = (256**count - 1, 8**count - 1), (count - 1, count - 1, state.steps // count)
    most = State(last, last, NORTH, *packed, *score, 2**count - 1, 1, config.max_steps)
    check_fields(state, (1, 1, *[0] * (len(most) - 2)), most)
    check_layout(state.cells, config.size - 2, count, config.split, config.spacing, kept_free(config))
    check_found(config, state)
