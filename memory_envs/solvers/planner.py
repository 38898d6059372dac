"""Shortest routes and best plans for one who knows everything, under a rulebook's own rules.

Poses are (row, column, heading). No rule is written here a second time: what an action does is asked of the
rulebook, state by state or pose by pose.
"""

from functools import cache, lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.rules.grid import NUM_ACTIONS, NUM_HEADINGS

OUT_OF_REACH = -1
"""Stands where a number of steps could, when no number is enough."""

Pose = tuple[int, int, int]
Cell = tuple[int, int]
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

    def entering(self, *cells: Cell) -> NDArray[np.bool_]:
        """Return which actions lead onto one of these cells from another cell, bool [P, A]."""
        places = self.poses[:, :2]
        inside = np.zeros(len(places), dtype=np.bool_)
        for cell in cells:
            inside |= (places == cell).all(axis=1)
        return inside[self.following] & (places[self.following] != places[:, None]).any(axis=2)


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


class Routes(NamedTuple):
    """Shortest routes, one for each state.

    Attributes:
        steps: int64 [S], the fewest actions, OUT_OF_REACH where there is no way.
        actions: int64 [S], the first of them.
    """

    steps: Steps
    actions: NDArray[np.int64]


def shortest_routes(
    following: NDArray[np.int64], done: NDArray[np.bool_], allowed: NDArray[np.bool_] | None = None
) -> Routes:
    """Return the shortest routes that end with an action that is done with.

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
            return Routes(np.where(steps >= never, OUT_OF_REACH, steps), ahead.argmin(axis=1))
        steps = nearer


def routes_from(following: NDArray[np.int64], start: int, allowed: NDArray[np.bool_]) -> Routes:
    """Return the shortest routes from one state to each, with allowed actions, bool [S, A], only.

    The first action is OUT_OF_REACH, too, where there is no way, and at the start itself.
    """
    steps, first = np.full(len(following), OUT_OF_REACH), np.full(len(following), OUT_OF_REACH)
    steps[start], waiting = 0, [start]
    for state in waiting:
        for action, target in enumerate(following[state].tolist()):
            if allowed[state, action] and steps[target] == OUT_OF_REACH:
                steps[target] = steps[state] + 1
                first[target] = action if state == start else first[state]
                waiting.append(target)
    return Routes(steps, first)


@lru_cache(maxsize=1024)
def routes_to_cell(rulebook: ModuleType, config: Any, cell: Cell, avoided: frozenset[Cell]) -> Routes:
    """Return the shortest routes from each pose of a room until a cell is walked onto.

    An agent that stands on the cell has to leave it first. Cells of `avoided` are not walked onto.
    """
    graph = pose_graph(rulebook, config)
    return shortest_routes(graph.following, graph.entering(cell), ~graph.entering(*avoided))


class Future(NamedTuple):
    """All that can follow a state, for one who sees the whole state. S states, A actions.

    Attributes:
        states: The states without their clocks; the given one comes first.
        number: The number of each state.
        following: int64 [S, A], the next state; S where the action ends the episode.
        reward: float64 [S, A].
        success: bool [S, A], the actions that end the episode well.
        steps: int64 [S], the fewest to each state.
    """

    states: list[Any]
    number: dict[Any, int]
    following: NDArray[np.int64]
    reward: NDArray[np.float64]
    success: NDArray[np.bool_]
    steps: Steps

    @property
    def ends(self) -> NDArray[np.bool_]:
        """The actions that end the episode, bool [S, A]."""
        return self.following == len(self.states)


def future(rulebook: ModuleType, config: Any, state: Any, horizon: int | None = None) -> Future:
    """Return all that can follow a state of an episode that has not ended, time limits aside.

    Args:
        rulebook: The rules.
        config: Their Config.
        state: The state.
        horizon: Steps that are left: what takes as many is shown as ending the episode. None looks ahead
            without end, which a task with endlessly many states does not allow.
    """
    first = timeless(rulebook, state)
    states, number, steps, outcomes = [first], {first: 0}, [0], []
    for each, before in zip(states, steps, strict=False):  # both grow
        for action in range(rulebook.NUM_ACTIONS):
            if before == horizon:
                outcomes.append((-1, 0.0, False))
                continue
            target, reward, terminated, _ = rulebook.transition(config, each, action)
            success = terminated and rulebook.is_success(config, target)
            target = timeless(rulebook, target)
            if not terminated and target not in number:
                number[target] = len(states)
                states.append(target)
                steps.append(before + 1)
            outcomes.append((-1 if terminated else number[target], reward, success))
    following, rewards, successes = (np.array(each) for each in zip(*outcomes, strict=True))
    shape = (len(states), rulebook.NUM_ACTIONS)
    following = np.where(following < 0, len(states), following).reshape(shape)
    return Future(
        states, number, following, rewards.reshape(shape), successes.reshape(shape), np.array(steps)
    )


def timeless(rulebook: ModuleType, state: Any) -> Any:
    """Return a state without the fields on which, time limits aside, neither moves nor rewards depend."""
    return state._replace(**rulebook.CLOCK)


class Plan(NamedTuple):
    """What to do with full sight in a task in which nothing is left to chance.

    Attributes:
        episode_return: Sum of rewards from the first state on.
        actions: int8 [horizon, S], what to do in a step and state.
        good: bool [horizon, S, A], what could be done as well: what is paid as much, and as soon.
    """

    episode_return: float
    actions: NDArray[np.int8]
    good: NDArray[np.bool_]


def best_plan(ahead: Future, horizon: int) -> Plan:
    """Return the best plan from the first state on, by dynamic programming over the steps left.

    Among plans of equal return it is one that is paid sooner: each reward counts the steps left after it.
    """
    following, reward = ahead.following, ahead.reward
    everywhere = np.arange(len(following))
    value, sooner = np.zeros(len(following) + 1), np.zeros(len(following) + 1)
    actions = np.empty((horizon, len(following)), dtype=np.int8)
    good = np.empty((horizon, *following.shape), dtype=np.bool_)
    for now in reversed(range(horizon)):
        worth = reward + value[following]
        early = reward * (horizon - now) + sooner[following]
        best = worth >= worth.max(axis=1, keepdims=True) - _TIE
        soonest = np.where(best, early, -np.inf)
        actions[now] = soonest.argmax(axis=1)
        good[now] = soonest >= soonest.max(axis=1, keepdims=True) - _TIE * horizon
        value[:-1], sooner[:-1] = worth[everywhere, actions[now]], early[everywhere, actions[now]]
    return Plan(float(value[0]), actions, good)


_TIE = 1e-12
