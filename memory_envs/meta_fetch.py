"""Meta-Fetch: its record, and the single and the vector environment of `memory_envs.rules.meta_fetch`."""

import math
from operator import attrgetter

from memory_envs.finite.meta_fetch import FiniteMetaFetch, FiniteSeenRoom
from memory_envs.policies.fetching import Fetcher
from memory_envs.policies.reactive import known_network, memoryless
from memory_envs.rendering.scene import FLOOR, WALL, Fact, Icon, Look, Mark, Mood, Scene, room_scene
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FULL
from memory_envs.rules.order import is_fetched, known_positions, ordered
from memory_envs.solvers.planner import pose_graph, routes_to_cell
from memory_envs.stepping.env import MemoryEnv
from memory_envs.stepping.vector import MemoryVectorEnv
from memory_envs.task import Meaning, Rooms, Task

LOOKS = (
    WALL,
    FLOOR,
    Look("disc", "o", "disc", "red"),
    Look("square", "s", "square", "azure"),
    Look("triangle", "t", "triangle", "green"),
    Look("star", "*", "star", "yellow"),
    Look("cross", "x", "cross", "violet"),
    Look("diamond", "d", "diamond", "teal"),
)
"""Looks by tile code; objects can be told apart by shape alone."""


def scene(config: meta_fetch.Config, state: meta_fetch.State) -> Scene:
    """Return the room from above."""
    known = known_positions(config, state)
    rewarded: Mood = "good" if state.rewarded else "neutral"
    icons = tuple(_icon(state, position) for position in range(config.num_objects))
    return room_scene(
        meta_fetch,
        config,
        state,
        title="Meta-Fetch",
        looks=LOOKS,
        tile=lambda row, column: meta_fetch.tile(config, state, row, column),
        notes={"reward": bool(state.rewarded)},
        facts=(
            Fact("order", icons=icons),
            Fact("memory", _memory(config, known)),
            Fact("last reward", f"+{config.object_reward:g}" if state.rewarded else "0", mood=rewarded),
            Fact("sequences", str(state.completed), mood="good" if state.completed else "neutral"),
        ),
        things=range(meta_fetch.OBJECT, meta_fetch.OBJECT + config.num_objects),
        aim="fetch all in the hidden order; a miss starts it over",
    )


def steps_remaining(config: meta_fetch.Config, state: meta_fetch.State) -> int:
    """Return the fewest steps to the next object of the order without losing progress.

    Returns:
        Steps, the time limit aside, or OUT_OF_REACH: four or more objects can lie so that others wall the
        next one in.
    """
    present = [item for item in range(config.num_objects) if not is_fetched(state, item)]
    target = ordered(state, state.progress)
    # While nothing is fetched there is nothing to lose by walking onto a wrong object that lets one pass.
    passable = state.progress == 0 and config.on_wrong == meta_fetch.STAY
    others = [item for item in present if item != target and not passable]
    cell, *avoided = (meta_fetch.object_place(config, state, item) for item in [target, *others])
    number = pose_graph(meta_fetch, config).number[state.row, state.column, state.heading]
    return int(routes_to_cell(meta_fetch, config, cell, frozenset(avoided)).steps[number])


def too_many(config: meta_fetch.Config) -> bool:
    """Return whether a certificate draws rooms, because all of them together have too many states."""
    return config.num_objects > 2 or config.size > 5


def question_bits(config: meta_fetch.Config) -> float:
    """Return the entropy of the order, bits."""
    return math.log2(math.factorial(config.num_objects))


def memory_targets(config: meta_fetch.Config) -> dict[str, int]:
    """Return what memory may be taught with: the object known to be next, its place, the one fetched."""
    objects, places = config.num_objects + 1, 2 * (config.size - 2)
    return {"known_next": objects, "next_ahead": places, "next_right": places, "fetched": objects}


def meaning(config: meta_fetch.Config, target: str, value: int) -> Meaning:
    """Return the object, or the number of cells, that a value of a memory target stands for."""
    if target in ("known_next", "fetched"):
        tile = meta_fetch.OBJECT + value - 1
        return Meaning(LOOKS[tile].name, tile)
    return Meaning(str(value - (config.size - 2)))


TASK = Task(
    name="Meta-Fetch",
    rules=meta_fetch,
    looks=LOOKS,
    scene=scene,
    steps_remaining=steps_remaining,
    memory_targets=memory_targets,
    meaning=meaning,
    finite=FiniteMetaFetch,
    rooms=Rooms(
        too_many=too_many,
        room=attrgetter("cells"),
        seen=FiniteSeenRoom,
        network=known_network,
        question="order only",
        question_bits=question_bits,
    ),
    memoryless=memoryless,
    perfect_memory=Fetcher,
)


class MetaFetchEnv(MemoryEnv):
    """Meta-Fetch: find out in which order objects have to be fetched, then fetch them again and again.

    ## Description
    A room without inner walls holds a few distinct objects on random cells. They have to be fetched in an
    order that is hidden; cells and order stay the same for one episode. Walking onto an object fetches it. If
    it is the next one of the order, it disappears and is rewarded; if it is not, every fetched object returns
    to its cell and the order has to be begun again. Once all have been fetched, all return, and the sequence
    can be fetched again until time is up. So the agent has to remember what it tried, what came of it, and
    where the objects lie, of which its window shows only some.
    Following Parisotto & Salakhutdinov, "Efficient Transformers in Reinforcement Learning using Actor-Learner
    Distillation" (2021), who say of their task that 3 or 4 objects are fetched in a hidden sequence; rules,
    sizes and limits are this project's own.

    ## Observation Space
    What lies in a square window in front of the agent, which stands in the middle of its last row and looks
    up: row 0 is farthest ahead. Tiles: 0 wall, 1 floor, 2 to 7 objects 1 to 6, whatever `num_objects` is.
    Behind the window comes one note: 1 if the last step was rewarded, else 0.
    The window is read row by row into a vector. `observation="onehot"`: `Box(0, 1, (view_size * view_size *
    8 + 1,), uint8)`, which without its last entry `reshape(view_size, view_size, 8)` turns back; `"tiles"`:
    `Box` of shape `(view_size * view_size + 1,)`; `"rgb"`: the picture of the window, `Box(0, 255, (height,
    width, 3), uint8)`, 12 pixels or more per cell, above a band that is white after a reward and else black.
    `observability` makes twins of equal spaces and equal episodes: with "partial" the agent's own cell shows
    what lies there, with "full" the object that is next, with "perfect_memory" the object that is next as far
    as the history tells it: the lowest-numbered one that has not been ruled out. Where the objects lie has to
    be seen in all of them.

    ## Action Space
    `Discrete(3)`, as in MiniGrid: 0 turn left, 1 turn right, 2 forward. Walking into a wall does nothing. An
    object that returns under the agent, or was not next, has to be left and walked onto again.

    ## Starting State
    Objects and agent on distinct cells, a heading and an order, all with equal probability. With
    `start="bottom"` the agent begins in the middle of the lowest row and looks up.

    ## Rewards
    +1 (`object_reward`) for the next object of the order, once per position until the sequence is completed:
    fetching the first object over and over earns nothing. 0 for everything else.

    ## Episode End
    Never terminated. Truncated after `max_episode_steps`: 150 * (num_objects - 1) * size // 9 unless given,
    which for 9x9 is 300 steps with 3 objects and 450 with 4.

    ## Arguments
    - `size` (9): cells along each side, walls included; from 5 to 17.
    - `num_objects` (3): from 2 to 6. The demand on memory grows, and with it the time limit; spaces and moves
      stay the same.
    - `view_size` (5): side of the window; odd.
    - `split` ("all"): or "train", "test": layouts are either one or the other, and all turns of a layout with
      it. About one in five is a test layout.
    - `start` ("random"): or "bottom", where every episode begins on the same cell with the same heading.
    - `spacing` (1): steps that objects are apart at least, turns aside; from 1 to 3.
    - `on_wrong` ("stay"): or "back": who walks onto a wrong object is put back on the cell it came from.
    - `object_reward` (1.0): for each object that is paid.
    - `observation` ("onehot"): or "tiles", "rgb".
    - `dtype` ("uint8"): or "float32", the same numbers for libraries that do not convert observations.
    - `observability` ("partial"): or "full", "perfect_memory".
    - `analysis` (False): add what is known of the state to the info; or a list of the names of what is to be
      added. Costs speed.
    - `privileged` (()): one or several of "full", "memory", "state", for training that may know more than
      acting: observations are then a `Dict` of "observation", as above, and these. "full": the observation of
      the twin "full"; "memory": what a perfect memory would know, the told memory targets as one-hot vectors
      in a row; "state": `Box(-1, 1, (31,), float32)`, where the objects and the next one lie as the
      agent looks, and how soon each is due (`memory_envs.rules.meta_fetch.write_state`).
    - `max_episode_steps` (None): another time limit, shorter or longer. The environment takes it from
      `gymnasium.make(..., max_episode_steps=n)` as well.
    - `render_mode` (None): "human", "rgb_array" or "ansi".
    - `render_view` ("both"): what is painted: the "room" from above, what the "agent" sees, or "both".
    - `render_panel` (True): whether hidden facts, step count and legend are painted as well.

    ## Info
    `is_success`: whether a whole sequence has been completed in this episode. With `analysis=True` also, from
    reset and step alike and never in the observation: `order` (decimal digits, objects numbered from 1: 312
    is object 3 first), `progress` (positions fetched), `known` (leading positions of the order that were
    fetched at least once), `completed` (sequences), `phase` (0 while the order is being found out, 1 from
    then on), `known_next` (the next object as far as the history tells, numbered from 1, else 0),
    `next_ahead` and `next_right` (cells to it as the agent looks, plus `size - 2`; 0 before its first fetch),
    `optimal_steps_remaining` (the fewest steps to the next object for one who knows everything) and, of the
    step itself, `fetched` (the object that was next and was fetched, else 0) and `avoidable` (1 if another
    one was walked onto although the history told that it was not next).

    ## Version History
    - v0: first version
    """

    task = TASK


class MetaFetchVectorEnv(MemoryVectorEnv):
    """N lanes of Meta-Fetch; the task and its options are described in `MetaFetchEnv`."""

    task = TASK


def _memory(config: meta_fetch.Config, known: int) -> str:
    if config.observability == FULL:
        return "next one always shown"
    return f"{known} of {config.num_objects} known"


def _icon(state: meta_fetch.State, position: int) -> Icon:
    mark: Mark = "done" if position < state.progress else "next" if position == state.progress else ""
    return Icon(meta_fetch.OBJECT + ordered(state, position), mark)
