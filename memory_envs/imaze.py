"""I-Maze: its record, and the single and the vector environment of the rules in `memory_envs.rules.imaze`."""

from functools import cache

import numpy as np

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.rendering.scene import FLOOR, WALL, Fact, Icon, Look, Mood, Scene, room_scene
from memory_envs.rules import imaze, maze
from memory_envs.rules.grid import FULL, OBSERVABILITIES, PARTIAL
from memory_envs.solvers.planner import OUT_OF_REACH, future, shortest_routes, timeless
from memory_envs.stepping.env import MemoryEnv
from memory_envs.stepping.vector import MemoryVectorEnv
from memory_envs.task import Meaning, Task

LOOKS = (
    WALL,
    FLOOR,
    Look("cue A", "A", "disc", "amber"),
    Look("cue B", "B", "diamond", "azure"),
    Look("left goal", "a", "disc", "amber", hollow=True),
    Look("right goal", "b", "diamond", "azure", hollow=True),
    Look("cue C", "C", "square", "violet"),
    Look("cue D", "D", "triangle", "green"),
    Look("goal C", "c", "square", "violet", hollow=True),
    Look("goal D", "d", "triangle", "green", hollow=True),
    Look("cue E", "E", "star", "yellow"),
    Look("cue F", "F", "cross", "red"),
    Look("goal E", "e", "star", "yellow", hollow=True),
    Look("goal F", "f", "cross", "red", hollow=True),
    Look("cue G", "G", "plus", "teal"),
    Look("cue H", "H", "moon", "brown"),
    Look("goal G", "g", "plus", "teal", hollow=True),
    Look("goal H", "h", "moon", "brown", hollow=True),
)
"""Looks by tile code: each goal is the outline of the cue that asks for it."""


def scene(config: imaze.Config, state: imaze.State) -> Scene:
    """Return the maze from above."""
    asked = (Icon(maze.cue_tile(state.cue)), Icon(maze.goal_tile(state.cue)))
    outcome, mood = _outcome(config, state)
    return room_scene(
        imaze,
        config,
        state,
        title="I-Maze",
        looks=TASK.looks_of(config),
        tile=lambda row, column: maze.tile(config, state.cue, row, column),
        notes={},
        facts=(
            Fact("cue, goal", icons=asked),
            Fact("memory", _memory(config, state)),
            Fact("outcome", outcome, mood=mood),
        ),
        things=range(maze.CUE_A, maze.num_tiles(config)),
        aim="find the cue; its shape is the goal to walk to",
    )


def steps_remaining(config: imaze.Config, state: imaze.State) -> int:
    """Return the fewest steps to the next goal that a cue asks for, for one who knows the whole state.

    Steps in which a delay holds the agent count, the time limit does not; 0 at a goal.
    """
    # The delay is not walked through state by state: it is paid at most once, when a seen cue is left.
    if state.outcome != 0:
        return 0
    free = timeless(imaze, state)._replace(hold=0, corridor=0, key=0)
    unpaid, staying = _steps_by_state(config._replace(delay=0, endless=0), state.cue, free)[free]
    if state.sight == imaze.CUE_LEFT_BEHIND:
        return unpaid + state.hold
    paid = unpaid + config.delay
    return paid if staying == OUT_OF_REACH else min(paid, staying)


def memory_targets(config: imaze.Config) -> dict[str, int]:
    """Return what memory may be taught with: the cue once it was seen, the goal that was rightly reached."""
    return dict.fromkeys(("known_cue", "reached"), 1 + config.num_cues)


def meaning(config: imaze.Config, target: str, value: int) -> Meaning:
    """Return the cue, or the goal, that a value of a memory target stands for."""
    tile = (maze.cue_tile if target == "known_cue" else maze.goal_tile)(value - 1)
    return Meaning(LOOKS[tile].name, tile)


TASK = Task(
    name="I-Maze",
    rules=imaze,
    looks=LOOKS,
    scene=scene,
    steps_remaining=steps_remaining,
    memory_targets=memory_targets,
    meaning=meaning,
    finite=FiniteIMaze,
    twins=OBSERVABILITIES[1:],
)


class IMazeEnv(MemoryEnv):
    """I-Maze: read a cue, walk away from it, choose the goal it asked for.

    ## Description
    Two horizontal bars are joined by a stem in the shape of an I. A coloured cue lies at one end of the upper
    bar, the agent starts at the other; two goals lie at the ends of the lower bar, always in the same places.
    Cue A makes the left goal the correct one, cue B the right one. The cue can be seen neither from the start
    nor from the lower half of the stem and the lower bar, so it must be fetched with the eyes, and then
    remembered.
    With `num_cues` above 2 there are cues C, D and so on, each with a goal of its own, which lie in niches
    over the lower bar, half of them on either side: more to remember, over nearly the same walk. With
    `endless=True` an answer is followed by a new corridor with a new cue, so that what is remembered has to
    be replaced again and again.
    Following Parisotto & Salakhutdinov, "Efficient Transformers in Reinforcement Learning using Actor-Learner
    Distillation" (2021), whose maze was not published: geometry, rewards and limits are this project's own.

    ## Observation Space
    What lies in a square window in front of the agent, which stands in the middle of its last row and looks
    up: row 0 is farthest ahead. Walls do not block the view. Tiles: 0 wall, 1 floor, 2 cue A, 3 cue B, 4 left
    goal, 5 right goal, and where there are more cues 6 cue C, 7 cue D, 8 goal C, 9 goal D and so on, always
    two cues and then their goals: 2 + 2 `num_cues` tiles.
    The window is read row by row into a vector. `observation="onehot"`: `Box(0, 1, (view_size * view_size *
    tiles,), uint8)`, which `reshape(view_size, view_size, tiles)` turns back; `"tiles"`: `Box(0, tiles - 1,
    (view_size * view_size,), uint8)`; `"rgb"`: the picture of the window, `Box(0, 255, (height, width, 3),
    uint8)`, 12 pixels or more per cell and 36 at least per side.
    `observability` makes twins of equal spaces and equal episodes: with "partial" the agent's own cell shows
    what lies there, with "full" the cue from the first step on, with "perfect_memory" the cue once it has
    been in the window. What is learned on the twins and not on "partial" is the price of remembering the cue.

    ## Action Space
    `Discrete(3)`, as in MiniGrid: 0 turn left, 1 turn right, 2 forward. Walking into a wall does nothing.

    ## Starting State
    One of the cues, and one of four headings, each with equal probability. `start="end"`: the left end of the
    upper bar; `start="center"`: the middle of the stem (Oh et al., 2016). The cue lies at the right end of
    the upper bar.

    ## Rewards
    +1 at the correct goal, -1 at a wrong one, minus `step_penalty` (default 0) in every step, the last one
    included. The return of an endless maze is the number of right answers less that of wrong ones.

    ## Episode End
    Terminated at a goal, unless the maze is endless. Truncated after `max_episode_steps`: (25 size^2 + 675)
    // 18 + delay unless given, which is 150 steps for 9x9 and 350 for 15x15; four times as many where the
    maze is endless. There the agent is put, in the step that reaches a goal, at the start of a new corridor,
    with a cue and a heading that are drawn anew; it sees that start, and only the reward tells whether the
    answer was right.

    ## Arguments
    - `size` (9): cells along each side, walls included; odd, at least 5. Settings under which the cue would
      be visible where it has to be remembered are refused, so that 5 needs `view_size=1`.
    - `start` ("end"): or "center".
    - `view_size` (3): side of the window; odd.
    - `step_penalty` (0.0)
    - `delay` (0): when the cue, having been seen, leaves the window for the first time, the agent is held for
      this many steps. Only the demand on memory grows: the walk stays the same.
    - `num_cues` (2): cues that there may be, and goals; even, up to 8, and at most half of `size`. There are
      log2(num_cues) bits to remember.
    - `endless` (False): go on after an answer, with a new cue in a new corridor, until time is up.
    - `observation` ("onehot"): or "tiles", "rgb".
    - `dtype` ("uint8"): or "float32", the same numbers for libraries that do not convert observations.
    - `observability` ("partial"): or "full", "perfect_memory".
    - `analysis` (False): add what is known of the state to the info; or a list of the names of what is to be
      added. Costs speed.
    - `privileged` (()): one or several of "full", "memory", "state", for training that may know more than
      acting: observations are then a `Dict` of "observation", as above, and these. "full": the observation of
      the twin "full"; "memory": what a perfect memory would know, the told memory targets as one-hot vectors
      in a row; "state": `Box(-1, 1, (10,), float32)`, where cue, goals and the correct goal lie as the
      agent looks, and which cue it is (`memory_envs.rules.imaze.write_state`).
    - `max_episode_steps` (None): another time limit, shorter or longer. The environment takes it from
      `gymnasium.make(..., max_episode_steps=n)` as well.
    - `render_mode` (None): "human", "rgb_array" or "ansi".
    - `render_view` ("both"): what is painted: the "room" from above, what the "agent" sees, or "both".
    - `render_panel` (True): whether hidden facts, step count and legend are painted as well.

    ## Info
    `is_success`: True in the step that reaches the correct goal, else False; in an endless maze True while
    there was an answer and none was wrong. With `analysis=True` also, from reset and step alike and never in
    the observation, all of the corridor the agent is in: `cue` (0 for A, 1 for B and so on), `phase` (0
    before the cue was in the window, 1 while it is for the first time, 2 from then on), `steps_since_cue` (0
    while it is in the window, -1 before it ever was), `known_cue` (1 for A, 2 for B and so on once it was in
    the window, before that 0), `optimal_steps_remaining` (the fewest steps to the correct goal for one who
    knows the whole maze) and, of the step itself, `reached` (1, 2 and so on at the goal that cue A, B and so
    on asked for, else 0) and `avoidable` (1 at another goal if the cue had been in the window).

    ## Version History
    - v0: first version
    """

    task = TASK


class IMazeVectorEnv(MemoryVectorEnv):
    """N lanes of I-Maze; the task and its options are described in `IMazeEnv`."""

    task = TASK


def _memory(config: imaze.Config, state: imaze.State) -> str:
    if config.observability == FULL:
        return "cue always shown"
    if state.seen_at < 0:
        return "cue not seen yet"
    carried = state.steps - state.seen_at
    if carried == 0:
        return "cue in view"
    if config.observability != PARTIAL:
        return "cue still shown"
    return f"carried {carried} step{'s' if carried > 1 else ''}"


def _outcome(config: imaze.Config, state: imaze.State) -> tuple[str, Mood]:
    if config.endless:
        wrong = state.corridor - state.right
        mood: Mood = "bad" if wrong else "good" if state.right else "neutral"
        return f"{state.right} right, {wrong} wrong", mood
    if state.outcome > 0:
        return "correct goal", "good"
    if state.outcome < 0:
        return "wrong goal", "bad"
    if state.steps >= config.max_steps:
        return "out of time", "bad"
    return f"held for {state.hold}" if state.hold else "under way", "neutral"


def _steps_by_state(config: imaze.Config, cue: int, state: imaze.State) -> dict[imaze.State, tuple[int, int]]:
    """Return a table that holds a state, of a maze without a delay and with this cue.

    By state without its clock: the steps to the goal, and those to it without leaving a cue that was seen.
    """
    known = _known_steps(config, cue)
    if state in known:
        return known
    ahead = future(imaze, config, state)
    following = np.minimum(ahead.following, len(ahead.states) - 1)
    sight = np.array([each.sight for each in ahead.states])
    leaving = (sight == imaze.CUE_IN_SIGHT)[:, None] & (sight[following] == imaze.CUE_LEFT_BEHIND)
    allowed = ahead.success | ~ahead.ends
    steps = shortest_routes(following, ahead.success, allowed).steps.tolist()
    staying = shortest_routes(following, ahead.success & ~leaving, allowed & ~leaving).steps.tolist()
    known.update(zip(ahead.states, zip(steps, staying, strict=True), strict=True))
    return known


@cache
def _known_steps(config: imaze.Config, cue: int) -> dict[imaze.State, tuple[int, int]]:
    """Return the table of `_steps_by_state`, which is filled by who asks for it."""
    return {}
