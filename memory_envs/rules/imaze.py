"""I-Maze: read a cue at one end of a corridor, remember it, choose between two goals at the other.

        #########
        #>.....c#      row 1: the upper bar, with the start (>) at one end and the cue (c) at the other
        ####.####
        ####.####      the stem, column size // 2
        ####.####
        ####.####
        ####.####
        #L.....R#      row size - 2: the lower bar, with the two goals, always in the same places
        #########

Cue A asks for the left goal, cue B for the right one. With more than two cues, the goals of the others lie in
niches over the lower bar, from its ends inwards, again half of them on either side:

        #.g.#.h.#      row size - 3: the goals of cue C (g) and cue D (h) in a maze of size 9
        #L.....R#

so that each pair of cues adds to what must be remembered and hardly anything to the walk. An endless maze
goes on after an answer: the agent is put at the start of a new corridor with a new cue, until time is up.

The maze that Parisotto & Salakhutdinov (2021) trained in was never published; the geometry, rewards and
limits here are this project's, calibrated so that an untrained policy succeeds as rarely as in their figures.
The older layout with the agent in the middle is Oh et al. (2016).

Each function is ordinary Python and, called from a kernel, compiled code.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules import routine, rule
from memory_envs.rules.grid import (
    FULL,
    NORTH,
    NUM_ACTIONS,
    NUM_HEADINGS,
    OBSERVABILITIES,
    PARTIAL,
    as_seen,
)
from memory_envs.rules.maze import (
    MOST_CUES,
    NO_GOAL,
    NUM_TILES,
    cue_cell,
    cue_in_view,
    cue_tile,
    goal_at,
    goal_cell,
    is_open,
    leaks,
    moved,
    num_tiles,
    show_maze,
    start_cell,
)
from memory_envs.rules.randomness import draw
from memory_envs.rules.settings import (
    check_choice,
    check_fields,
    check_flag,
    check_integer,
    check_number,
)

NUM_NOTES = 0

LARGEST_SIZE = 255
STARTS = ("end", "center")
CUE_UNSEEN, CUE_IN_SIGHT, CUE_LEFT_BEHIND = range(3)
FACTS = ("cue", "phase", "steps_since_cue", "known_cue")
EVENTS = ("reached", "avoidable")
STATE = (
    *("cue_ahead", "cue_right", "left_goal_ahead", "left_goal_right", "right_goal_ahead", "right_goal_right"),
    *("correct_goal_ahead", "correct_goal_right", "cue", "held"),
)
CLOCK = {"steps": 0, "seen_at": -1, "right": 0}

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
    "num_tiles",
    "observe",
    "starts",
    "transition",
    "write_events",
    "write_facts",
    "write_notes",
    "write_state",
]


class Config(NamedTuple):
    """What stays the same for every episode. Made by `configure`; integers before floats, for the kernels.

    Of fields with a default, `num_cues` and `endless` came later: states saved before do not name them.
    """

    size: int
    start: int
    view_size: int
    observability: int
    delay: int
    max_steps: int
    num_cues: int = 2
    endless: int = 0
    step_penalty: float = 0.0


class State(NamedTuple):
    """One episode in progress.

    Fields with a default are those of endless mazes, and came later; elsewhere they keep their default.

    Attributes:
        row: Cell of the agent.
        column: Cell of the agent.
        heading: 0 east, 1 south, 2 west, 3 north.
        cue: 0 for cue A, 1 for cue B and so on.
        steps: Steps taken.
        seen_at: The last step after which the cue was in the window; -1 before it ever was.
        sight: CUE_UNSEEN, CUE_IN_SIGHT, or CUE_LEFT_BEHIND once the cue has been in the window and left it.
        hold: Steps for which actions still have no effect.
        outcome: +1 at the correct goal, -1 at a wrong one, else 0.
        corridor: Number of the corridor, from 0: how many were answered before it.
        right: How many of them were answered rightly.
        key: Of the episode; cues and headings to come are drawn from it.
    """

    row: int
    column: int
    heading: int
    cue: int
    steps: int
    seen_at: int
    sight: int
    hold: int
    outcome: int
    corridor: int = 0
    right: int = 0
    key: int = 0


@rule
def begin(config: Config, key: int) -> State:
    """Return the first state of the episode with this key: cue and heading are drawn, all else is fixed."""
    kept = key if config.endless == 1 else 0
    return first_state(config, drawn_cue(config, key, 0), draw(key, 1, NUM_HEADINGS), 0, 0, 0, kept)


@rule
def first_state(
    config: Config, cue: int, heading: int, steps: int = 0, corridor: int = 0, right: int = 0, key: int = 0
) -> State:
    """Return the state at the start of a corridor with this cue and heading."""
    row, column = start_cell(config)
    if cue_in_view(config, row, column, heading):  # only where `configure` was passed by
        return State(row, column, heading, cue, steps, steps, CUE_IN_SIGHT, 0, 0, corridor, right, key)
    return State(row, column, heading, cue, steps, -1, CUE_UNSEEN, 0, 0, corridor, right, key)


@routine
def next_corridor(config: Config, state: State, steps: int, right: int) -> State:
    """Return the state at the start of the corridor that follows, after `steps` steps and `right` answers."""
    corridor = state.corridor + 1
    cue = drawn_cue(config, state.key, corridor)
    heading = draw(state.key, 2 * corridor + 1, NUM_HEADINGS)
    return first_state(config, cue, heading, steps, corridor, right, state.key)


@rule
def drawn_cue(config: Config, key: int, corridor: int) -> int:
    """Return the cue of a corridor of the episode with this key."""
    return draw(key, 2 * corridor, config.num_cues)


@rule
def transition(config: Config, state: State, action: int) -> tuple[State, float, bool, bool]:
    """Play one action.

    Every step costs `step_penalty`, the one that reaches a goal included, so that a return is the outcome
    minus the penalty times the length of the episode.

    Returns:
        The next state, the reward, whether a goal ended the episode, whether the time limit did.
    """
    row, column, heading = state.row, state.column, state.heading
    if state.hold == 0:
        row, column, heading = moved(config, row, column, heading, action)
    steps, outcome = state.steps + 1, judged(config, row, column, state.cue)
    if config.endless == 1 and outcome != 0:
        right = state.right + 1 if outcome == 1 else state.right
        following = next_corridor(config, state, steps, right)
        return following, outcome - config.step_penalty, False, has_ended(config, following)
    in_view = cue_in_view(config, row, column, heading)
    seen_at = steps if in_view else state.seen_at
    sight, hold = remembered(config, in_view, state.sight, state.hold)
    following = State(
        row,
        column,
        heading,
        state.cue,
        steps,
        seen_at,
        sight,
        hold,
        outcome,
        state.corridor,
        state.right,
        state.key,
    )
    terminated = outcome != 0
    truncated = not terminated and has_ended(config, following)
    return following, outcome - config.step_penalty, terminated, truncated


@rule
def observe(config: Config, state: State, view: NDArray[np.uint8]) -> None:
    """Write the tile codes of the agent's window into `view`, uint8 [view_size, view_size]."""
    show_maze(config, state.cue, state.row, state.column, state.heading, view)
    if config.observability != PARTIAL and (config.observability == FULL or state.seen_at >= 0):
        view[config.view_size - 1, config.view_size // 2] = cue_tile(state.cue)


@rule
def write_notes(config: Config, state: State, notes: NDArray[np.uint8]) -> None:
    """Write nothing: a maze tells the agent no more than its window shows."""


@rule
def write_facts(config: Config, state: State, facts: NDArray[np.int64]) -> None:
    """Write what FACTS names into `facts`, int64 [4].

    The cue, `sight` as the phase, steps since the cue was in view (-1: never), and the cue that the history
    tells: 1 for cue A, 2 for cue B and so on, 0 while none was seen. All four speak of the corridor that the
    agent is in.
    """
    facts[0] = state.cue
    facts[1] = state.sight
    facts[2] = state.steps - state.seen_at if state.seen_at >= 0 else -1
    facts[3] = 1 + state.cue if state.seen_at >= 0 else 0


@rule
def write_events(config: Config, before: State, after: State, events: NDArray[np.int64]) -> None:
    """Write what EVENTS names, of the step between two states, into `events`, int64 [2].

    `reached` is 1, 2 and so on where the goal was reached that cue A, cue B and so on asked for, else 0.
    `avoidable` is 1 where another goal was reached although the cue had been seen.
    """
    right = after.outcome == 1 or after.right > before.right
    wrong = after.outcome == -1 or after.corridor - after.right > before.corridor - before.right
    events[0] = 1 + before.cue if right else 0
    events[1] = 1 if wrong and before.seen_at >= 0 else 0


@rule
def write_state(config: Config, state: State, numbers: NDArray[np.float64]) -> None:
    """Write what STATE names into `numbers`, float64 [len(STATE)], each from -1 to 1.

    How far ahead and to the right of the agent cue, left and right goal and the one that the cue asks for
    lie, in sides of the maze; the cue, from -1 for cue A to 1 for the last one; and the share of the delay
    that is still to come.
    """
    last = config.size - 2
    cue_row, cue_column = cue_cell(config)
    write_place(config, state, cue_row, cue_column, numbers[0:2])
    write_place(config, state, last, 1, numbers[2:4])
    write_place(config, state, last, last, numbers[4:6])
    goal_row, goal_column = goal_cell(config, state.cue)
    write_place(config, state, goal_row, goal_column, numbers[6:8])
    numbers[8] = 2.0 * state.cue / (config.num_cues - 1) - 1.0
    numbers[9] = state.hold / max(1, config.delay)


@rule
def write_place(config: Config, state: State, row: int, column: int, numbers: NDArray[np.float64]) -> None:
    """Write how far ahead and to the right a cell lies, in sides of the maze, into `numbers`, float64 [2]."""
    ahead, right = as_seen(state.heading, row - state.row, column - state.column)
    numbers[0] = ahead / config.size
    numbers[1] = right / config.size


@rule
def has_ended(config: Config, state: State) -> bool:
    """Return whether a goal, unless the maze is endless, or the time limit has ended the episode."""
    return state.outcome != 0 or state.steps >= config.max_steps


@rule
def is_success(config: Config, state: State) -> bool:
    """Return whether the episode has ended at the goal the cue asked for.

    In an endless maze: whether the agent has answered, and never wrongly.
    """
    return state.outcome == 1 or (state.corridor > 0 and state.right == state.corridor)


@rule
def remembered(config: Config, in_view: bool, sight: int, hold: int) -> tuple[int, int]:
    """Return (sight, hold) after a step; the delay begins once, when a cue that was seen leaves the view."""
    if hold > 0:
        return sight, hold - 1
    if sight == CUE_LEFT_BEHIND:
        return sight, 0
    if in_view:
        return CUE_IN_SIGHT, 0
    if sight == CUE_IN_SIGHT:
        return CUE_LEFT_BEHIND, config.delay
    return CUE_UNSEEN, 0


@rule
def judged(config: Config, row: int, column: int, cue: int) -> int:
    """Return the outcome of standing on a cell: 0 away from the goals."""
    goal = goal_at(config, row, column)
    if goal == NO_GOAL:
        return 0
    return 1 if goal == cue else -1


def starts(config: Config) -> list[tuple[float, State]]:
    """Return each first state with its probability."""
    return [
        (1 / (config.num_cues * NUM_HEADINGS), first_state(config, cue, heading))
        for heading in range(NUM_HEADINGS)
        for cue in range(config.num_cues)
    ]


def configure(
    *,
    size: int = 9,
    start: str = "end",
    view_size: int = 3,
    step_penalty: float = 0.0,
    delay: int = 0,
    num_cues: int = 2,
    endless: bool = False,
    observability: str = "partial",
    max_episode_steps: int | None = None,
) -> Config:
    """Check the settings of a maze and return them as rules and kernels read them.

    Args:
        size: Cells along each side, border walls included; odd, from 5 to 255.
        start: "end" (far end of the upper bar) or "center" (middle of the stem).
        view_size: Cells along each side of the window; odd, at least 1, at most `size`.
        step_penalty: Subtracted from the reward of every step; finite, at least 0.
        delay: Steps for which the agent is held when the cue first leaves its window; at least 0.
        num_cues: Cues that may lie in the maze, and goals; even, from 2 to 8, at most half of `size`.
        endless: Whether an answer is followed by a new corridor with a new cue, until time is up.
        observability: What the agent's own cell in the window shows: "partial" what lies there, "full" the
            cue, "perfect_memory" the cue once it has been in view.
        max_episode_steps: Time limit. None takes (25 size^2 + 675) // 18 + delay, which is 150 for 9x9 and
            350 for 15x15, and four times as many for an endless maze.

    Raises:
        TypeError: A setting is not of the kind it should be.
        ValueError: A setting is out of range, or the cue would be visible where it must be remembered.
    """
    size = check_integer("size", size, 5, LARGEST_SIZE, odd=True)
    view_size = check_integer("view_size", view_size, 1, odd=True)
    if view_size > size:
        raise ValueError(f"view_size must be at most size={size}, got {view_size}")
    delay, is_endless = check_integer("delay", delay, 0), check_flag("endless", endless)
    if max_episode_steps is None:
        max_episode_steps = ((25 * size * size + 675) // 18 + delay) * (4 if is_endless else 1)
    config = Config(
        size=size,
        start=check_choice("start", start, STARTS),
        view_size=view_size,
        observability=check_choice("observability", observability, OBSERVABILITIES),
        delay=delay,
        max_steps=check_integer("max_episode_steps", max_episode_steps, 1),
        num_cues=_checked_num_cues(num_cues, size),
        endless=int(is_endless),
        step_penalty=check_number("step_penalty", step_penalty, 0),
    )
    _check_cue_hidden(config)
    return config


def check_state(config: Config, state: State) -> None:
    """Refuse a state that no episode of this configuration can be in.

    Raises:
        ValueError: Naming the first field that is out of range, or the cell that cannot be stood on.
    """
    last, endless = config.size - 2, config.endless == 1
    least = State(
        row=1,
        column=1,
        heading=0,
        cue=0,
        steps=0,
        seen_at=-1,
        sight=0,
        hold=0,
        outcome=0 if endless else -1,
    )
    most = State(
        row=last,
        column=last,
        heading=NORTH,
        cue=config.num_cues - 1,
        steps=config.max_steps,
        seen_at=state.steps,
        sight=CUE_LEFT_BEHIND,
        hold=config.delay if state.sight == CUE_LEFT_BEHIND else 0,
        outcome=0 if endless else 1,
        corridor=state.steps if endless else 0,
        right=state.corridor if endless else 0,
        key=2**32 - 1 if endless else 0,
    )
    check_fields(state, least, most)
    if not is_open(config, state.row, state.column):
        raise ValueError(f"state has the agent inside the wall at row {state.row}, column {state.column}")
    if state.outcome != judged(config, state.row, state.column, state.cue):
        raise ValueError(
            f"state field outcome must be that of row {state.row}, column {state.column}, got {state.outcome}"
        )
    if endless and state.cue != (drawn := drawn_cue(config, state.key, state.corridor)):
        raise ValueError(
            f"state field cue must be {drawn} in corridor {state.corridor} of this key, got {state.cue}"
        )
    if (state.sight == CUE_UNSEEN) != (state.seen_at < 0):
        raise ValueError(
            f"state field seen_at must be -1 exactly before the cue was seen, got {state.seen_at} "
            f"with sight {state.sight}"
        )


def _checked_num_cues(num_cues: object, size: int) -> int:
    checked = check_integer("num_cues", num_cues, 2, MOST_CUES, even=True)
    if checked > size // 2:
        raise ValueError(
            f"num_cues must be at most {size // 4 * 2} with size={size}, for its goals to lie apart, "
            f"got {checked}; choose size >= {2 * checked + 1}"
        )
    return checked


def _check_cue_hidden(config: Config) -> None:
    found = leaks(config)
    if not found:
        return
    row, column, heading = found[0]
    view = next(v for v in range(config.view_size, 0, -2) if not leaks(config._replace(view_size=v)))
    size = config.size
    while leaks(config._replace(size=size)):
        size += 2
    raise ValueError(
        f"with size={config.size} and view_size={config.view_size} the cue is visible at row {row}, "
        f"column {column} (heading {heading}), where it has to be remembered; "
        f"choose view_size <= {view} or size >= {size}"
    )
