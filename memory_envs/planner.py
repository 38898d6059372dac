"""Shortest routes for one who knows everything, under the rulebooks' own movement.

Poses are (row, column, heading). No rule is written here a second time: what an action does is asked of the
rulebook, state by state or pose by pose.
"""

from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite import Outcome
from memory_envs.rules import imaze, meta_fetch
from memory_envs.rules.grid import NUM_ACTIONS, NUM_HEADINGS

OUT_OF_REACH = -1
"""Stands where a number of steps could, when no number is enough."""

Pose = tuple[int, int, int]
Steps = NDArray[np.int64]


class PoseGraph(NamedTuple):
    """Everywhere an agent can stand, and where each action takes it. P poses, A actions.

    Attributes:
        poses: int64 [P, 3], rows of (row, column, heading).
        number: The number of each pose.
        following: int64 [P, A], the number of the pose after each action.
    """

    poses: NDArray[np.int64]
    number: dict[Pose, int]
    following: NDArray[np.int64]

    def on(self, row: int, column: int) -> NDArray[np.bool_]:
        """Return which poses are on a cell, bool [P]."""
        return (self.poses[:, 0] == row) & (self.poses[:, 1] == column)

    def walks(self) -> NDArray[np.bool_]:
        """Return which actions lead onto another cell, bool [P, A]."""
        cells = self.poses[:, :2]
        return (cells[self.following] != cells[:, None]).any(axis=2)


@cache
def pose_graph(rulebook: ModuleType, config: Any) -> PoseGraph:
    """Return the poses of a configuration, row by row; the rulebook gives `is_open` and `moved`."""
    inside = range(config.size)
    poses = [
        (row, column, heading)
        for row in inside
        for column in inside
        if rulebook.is_open(config, row, column)
        for heading in range(NUM_HEADINGS)
    ]
    number = {pose: place for place, pose in enumerate(poses)}
    following = [
        [number[rulebook.moved(config, *pose, action)] for action in range(NUM_ACTIONS)] for pose in poses
    ]
    return PoseGraph(np.array(poses), number, np.array(following))


def steps_until(
    following: NDArray[np.int64], done: NDArray[np.bool_], allowed: NDArray[np.bool_] | None = None
) -> Steps:
    """Return the fewest actions up to one that is done with, int64 [S]; OUT_OF_REACH where there is no way.

    Args:
        following: int64 [S, A], the next state or pose.
        done: bool [S, A], the actions that reach what is wanted; at least one has to be taken.
        allowed: bool [S, A], the actions that may be taken; None allows all.
    """
    never = following.size + 1
    refused = np.zeros_like(done) if allowed is None else ~allowed
    steps = np.full(len(following), never)
    while True:
        ahead = np.where(refused, never, np.where(done, 1, 1 + steps[following]))
        nearer = np.minimum(steps, ahead.min(axis=1))
        if np.array_equal(nearer, steps):
            return np.where(steps >= never, OUT_OF_REACH, steps)
        steps = nearer


@lru_cache(maxsize=64)
def steps_to_see(config: imaze.Config) -> Steps:
    """Return the fewest steps from each pose of a maze to one that has the cue in its window, int64 [P].

    0 where the cue is visible. Poses are numbered as in `pose_graph(imaze, config)`.
    """
    graph = pose_graph(imaze, config)
    visible = np.array([imaze.cue_in_view(config, *pose) for pose in graph.poses.tolist()])
    return np.where(visible, 0, steps_until(graph.following, visible[graph.following]))


@lru_cache(maxsize=64)
def steps_to_goal(config: imaze.Config, cue: int) -> Steps:
    """Return the fewest steps from each pose of a maze to the goal that a cue asks for, int64 [P].

    The other goal, which ends the episode, is not walked onto; a delay is not counted.
    """
    graph = pose_graph(imaze, config)
    outcome = np.array([imaze.judged(config, row, column, cue) for row, column, _ in graph.poses.tolist()])
    ahead = outcome[graph.following]
    return steps_until(graph.following, (ahead == 1) & graph.walks(), ahead != -1)


@lru_cache(maxsize=1024)
def steps_to_object(
    config: meta_fetch.Config, cell: tuple[int, int], avoided: frozenset[tuple[int, int]]
) -> Steps:
    """Return the fewest steps from each pose of a room until a cell is walked onto, int64 [P].

    An agent that stands on the cell has to leave it first. Cells of `avoided` are not walked onto.
    """
    graph = pose_graph(meta_fetch, config)
    done = graph.on(*cell)[graph.following] & graph.walks()
    refused = np.zeros_like(done)
    for each in avoided:
        refused |= graph.on(*each)[graph.following] & graph.walks()
    return steps_until(graph.following, done, ~refused)


def optimal_steps_remaining(rulebook: ModuleType, config: Any, state: Any) -> int:
    """Return the fewest steps that one who knows the whole state still needs.

    I-Maze: to the goal that the cue asks for, steps in which a delay holds the agent included; 0 when the
    episode has ended at a goal. Meta-Fetch: to the next object of the order without losing progress. Time
    limits are not looked at.

    Returns:
        Steps, or OUT_OF_REACH: four or more objects can lie so that others wall the next one in.
    """
    if rulebook is imaze:
        return _steps_in_maze(config, _still(state))
    present = [item for item in range(config.num_objects) if not meta_fetch.is_fetched(state, item)]
    target = meta_fetch.ordered(state, state.progress)
    # While nothing is fetched there is nothing to lose by walking onto a wrong object.
    others = [item for item in present if item != target and state.progress > 0]
    cell, *avoided = (meta_fetch.object_place(config, state, item) for item in [target, *others])
    number = pose_graph(meta_fetch, config).number[state.row, state.column, state.heading]
    return int(steps_to_object(config, cell, frozenset(avoided))[number])


def _steps_in_maze(config: imaze.Config, state: imaze.State) -> int:
    if state.outcome != 0:
        return 0
    known = _steps_by_state(config, state.cue)
    if state not in known:
        known.update(_explored(config, state))
    return known[state]


@cache
def _steps_by_state(config: imaze.Config, cue: int) -> dict[imaze.State, int]:
    """Return a table that is filled by who asks it: steps to go by state without its clock."""
    return {}


def _explored(config: imaze.Config, start: imaze.State) -> dict[imaze.State, int]:
    """Return the steps to go of every state that can be reached from `start`."""
    states, number, following, done, allowed = [start], {start: 0}, [], [], []
    for state in states:
        for action in range(NUM_ACTIONS):
            target = _still(imaze.transition(config, state, action)[0])
            if target.outcome == 0 and target not in number:
                number[target] = len(states)
                states.append(target)
            following.append(number.get(target, 0))
            done.append(target.outcome == 1)
            allowed.append(target.outcome != -1)
    shape = (len(states), NUM_ACTIONS)
    arrays = (np.array(each).reshape(shape) for each in (following, done, allowed))
    return dict(zip(states, steps_until(*arrays).tolist(), strict=True))


def _still(state: imaze.State) -> imaze.State:
    """Return a state of a maze without its clock, which no route depends on."""
    return state._replace(steps=0, seen_at=-1)


class FetchTask:
    """The rest of one episode of Meta-Fetch for one who knows everything: a `memory_envs.finite.FiniteEnv`.

    States are the rulebook's, without what neither moves nor rewards depend on: `steps`, `completed`,
    `ruled_out` and `rewarded` are always 0. The observation is the state.
    """

    num_actions = meta_fetch.NUM_ACTIONS

    def __init__(self, config: meta_fetch.Config, state: meta_fetch.State) -> None:
        """Begin in `state`; the horizon is the time it has left."""
        self.config = config
        self.horizon = config.max_steps - state.steps
        self._start = self.state(state)

    def starts(self) -> list[tuple[float, meta_fetch.State]]:
        """Return the one first state."""
        return [(1.0, self._start)]

    def step(self, state: meta_fetch.State, action: int) -> tuple[Outcome]:
        """Return the one thing that follows an action."""
        following, reward, _, _ = meta_fetch.transition(self.config, state, action)
        return (Outcome(1.0, self.state(following), reward),)

    def observe(self, state: meta_fetch.State) -> meta_fetch.State:
        """Return the state itself."""
        return state

    def state(self, state: meta_fetch.State) -> meta_fetch.State:
        """Return what of a state of the rulebook is a state of this task."""
        return state._replace(steps=0, completed=0, ruled_out=0, rewarded=0)


class Play(NamedTuple):
    """The best play of a task in which nothing is left to chance.

    Attributes:
        episode_return: Sum of rewards from the first state on.
        actions: int8 [horizon, S], what to do in a step and state.
    """

    episode_return: float
    actions: NDArray[np.int8]


def best_play(following: NDArray[np.int64], reward: NDArray[np.float64], horizon: int) -> Play:
    """Return the best play from state 0, by dynamic programming over the steps left.

    Among plays of equal return it is one that is paid sooner: each reward counts the steps left after it.

    Args:
        following: int64 [S, A], the next state; S stands for the end of the episode.
        reward: float64 [S, A].
        horizon: Steps left.
    """
    everywhere = np.arange(len(following))
    value, sooner = np.zeros(len(following) + 1), np.zeros(len(following) + 1)
    actions = np.empty((horizon, len(following)), dtype=np.int8)
    for now in reversed(range(horizon)):
        worth = reward + value[following]
        early = reward * (horizon - now) + sooner[following]
        best = worth >= worth.max(axis=1, keepdims=True) - _TIE
        actions[now] = np.where(best, early, -np.inf).argmax(axis=1)
        value[:-1], sooner[:-1] = worth[everywhere, actions[now]], early[everywhere, actions[now]]
    return Play(float(value[0]), actions)


_TIE = 1e-12
