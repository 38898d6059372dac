"""Meta-Fetch played from memory: a map of the room, what is known of the order, and where to go next."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.policies.decoding import UnannouncedEpisode
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, NORTH, PARTIAL, TURN_RIGHT, moved_freely, window_cell
from memory_envs.rules.room import cell_number, is_open, show_room
from memory_envs.solvers.planner import (
    OUT_OF_REACH,
    Cell,
    Future,
    Pose,
    best_plan,
    future,
    pose_graph,
    routes_from,
    routes_to_cell,
    timeless,
)
from memory_envs.task import Sight

LEAST_VIEW = 3
"""With a smaller window, objects are met before they are seen."""


class RoomMap:
    """Where the agent is and what it has seen, by its own movement since the episode began.

    Rows and columns are counted from the first cell, and the first heading is called north: which way the
    room really lies makes no difference to anyone in it. What is left to find out is the first cell's place.

    Attributes:
        pose: Where the agent is.
        seen: Every free cell that has been in the window.
        lies: The cell of every object that has been seen.
        origins: The (row, column) in the room that the first cell may have.
    """

    def __init__(self, config: meta_fetch.Config) -> None:
        """Begin an episode, knowing nothing but the size of the room."""
        self._config = config
        self.pose: Pose = (0, 0, NORTH)
        self.seen: set[Cell] = set()
        self.lies: dict[int, Cell] = {}
        inside = range(1, config.size - 1)
        self.origins = [(row, column) for row in inside for column in inside]

    @property
    def origin(self) -> Cell:
        """The place of the first cell that plans are made with, one amid those that are possible."""
        return self.origins[len(self.origins) // 2]

    def see(self, window: NDArray[np.uint8]) -> None:
        """Take in a window of tile codes."""
        floor = (window != meta_fetch.WALL).tobytes()
        row, column, heading = self.pose
        self.origins = [
            (first_row, first_column)
            for first_row, first_column in self.origins
            if _floor(self._config, (first_row + row, first_column + column, heading)) == floor
        ]
        side = self._config.view_size
        for (view_row, view_column), code in np.ndenumerate(window):
            cell = window_cell(*self.pose, side, view_row, view_column)
            if code != meta_fetch.WALL:
                self.seen.add(cell)
            is_hint = cell == (row, column) and self._config.observability != PARTIAL
            if code >= meta_fetch.OBJECT and not is_hint:
                self.lies[int(code) - meta_fetch.OBJECT] = cell

    def move(self, action: int) -> Cell | None:
        """Take in an action that was chosen; return the cell that is walked onto, if one is.

        A wall ahead is in the window, so that all places that are still possible agree on it.
        """
        row, column, heading = moved_freely(*self.pose, action)
        if action == FORWARD and not is_open(self._config, *self.placed((row, column))):
            return None
        self.pose = (row, column, heading)
        return (row, column) if action == FORWARD else None

    def placed(self, cell: Cell) -> Cell:
        """Return where in the room a cell is."""
        return self.origin[0] + cell[0], self.origin[1] + cell[1]

    def placed_pose(self) -> Pose:
        """Return where in the room the agent is."""
        return (*self.placed(self.pose[:2]), self.pose[2])


class OrderMemory:
    """What is known of the order, and how far it has been fetched.

    Attributes:
        known: The beginning of the order.
        tried: Objects that were tried in vain behind it.
        progress: Positions that are fetched.
        paid: Positions paid since a sequence was last completed.
    """

    def __init__(self, num_objects: int) -> None:
        """Begin an episode, knowing nothing."""
        self._num_objects = num_objects
        self.known: list[int] = []
        self.tried: set[int] = set()
        self.progress = 0
        self.paid = 0

    def touch(self, item: int, rewarded: bool) -> bool:
        """Take in that an object was walked onto, and whether it was rewarded; return whether it was next."""
        is_new = self.progress == len(self.known)
        is_next = rewarded if is_new else item == self.known[self.progress]
        if not is_next:
            self.progress = 0
            if is_new:
                self.tried.add(item)
        else:
            self._fetch(item, is_new)
        self._deduce()
        return is_next

    def candidates(self) -> list[int]:
        """Return the objects that may be next."""
        if self.progress < len(self.known):
            return [self.known[self.progress]]
        return [
            item for item in range(self._num_objects) if item not in self.known and item not in self.tried
        ]

    def present(self) -> list[int]:
        """Return the objects that are not fetched."""
        return [item for item in range(self._num_objects) if item not in self.known[: self.progress]]

    def _fetch(self, item: int, is_new: bool) -> None:
        if is_new:
            self.known.append(item)
            self.tried = set()
        self.progress += 1
        self.paid = max(self.paid, self.progress)
        if self.progress == self._num_objects:
            self.progress = self.paid = 0

    def _deduce(self) -> None:
        """Note what only one object is left for."""
        left = [item for item in range(self._num_objects) if item not in self.known]
        open_to_it = [item for item in left if item not in self.tried]
        if len(open_to_it) == 1:
            self.known.append(open_to_it[0])
            self.tried = set()
            self._deduce()


class _DatedPlan(NamedTuple):
    """The best plan with all known: made for one place of the first cell, `left` steps before the end."""

    origin: Cell
    left: int
    ahead: Future
    actions: NDArray[np.int8]


class Fetcher:
    """Plays one configuration of Meta-Fetch on what it has seen and felt itself.

    Objects that may be next are tried, nearest first; while none of them has been seen or can be reached, it
    goes where the most unseen cells come into view per step. From the moment the order and all cells are
    known, it follows the best plan for the time that is left.
    """

    def __init__(self, config: meta_fetch.Config) -> None:
        """Begin before the first episode.

        Raises:
            ValueError: The window is smaller than LEAST_VIEW.
        """
        if config.view_size < LEAST_VIEW:
            raise ValueError(
                f"view_size must be at least {LEAST_VIEW} to play from memory, got {config.view_size}"
            )
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self._map, self._order = RoomMap(self._config), OrderMemory(self._config.num_objects)
        self._left = self._config.max_steps
        self._entered: Cell | None = None
        self._left_pose = self._map.pose
        self._plan: _DatedPlan | None = None

    def __call__(self, sight: Sight) -> int:
        """Return the next action.

        Raises:
            UnannouncedEpisode: The room cannot look like this after what was seen, or the time is up.
        """
        if self._left <= 0:
            raise UnannouncedEpisode
        self._feel(bool(sight.notes[0]))
        self._map.see(sight.window)
        if not self._map.origins:
            raise UnannouncedEpisode
        action = self._chosen()
        self._left_pose = self._map.pose
        self._left -= 1
        self.took(action)
        return action

    def good(self, sight: Sight) -> NDArray[np.bool_]:
        """Return which actions it holds for best, bool [A]: the one that a call returns."""
        chosen: NDArray[np.bool_] = np.arange(meta_fetch.NUM_ACTIONS) == self(sight)
        return chosen

    def took(self, action: int) -> None:
        """Take in which action was done after the last call, in the place of the one that was returned."""
        self._map.pose = self._left_pose
        self._entered = self._map.move(action)

    def _feel(self, rewarded: bool) -> None:
        for item in self._order.present():
            if self._entered is not None and self._map.lies.get(item) == self._entered:
                is_next = self._order.touch(item, rewarded)
                if not is_next and self._config.on_wrong == meta_fetch.BACK:
                    self._map.pose = self._left_pose
                return

    def _chosen(self) -> int:
        if len(self._order.known) == len(self._map.lies) == self._config.num_objects:
            return self._planned()
        action = self._nearest(careful=True)
        if action is None:
            action = self._exploring()
        if action is None:
            action = self._nearest(careful=False)
        return TURN_RIGHT if action is None else action

    def _nearest(self, careful: bool) -> int | None:
        """Return the first action to the nearest object that may be next, None if there is no way to one.

        Args:
            careful: Do not lose progress by walking onto others. Walled in by others, an object cannot be
                reached with care.
        """
        graph = pose_graph(meta_fetch, self._config)
        avoided = self._obstacles() if careful else {}
        ways = []
        for item in self._order.candidates():
            if item in self._map.lies:
                cell = self._map.placed(self._map.lies[item])
                others = frozenset(avoided.values()) - {cell}
                routes = routes_to_cell(meta_fetch, self._config, cell, others)
                number = graph.number[self._map.placed_pose()]
                ways.append((int(routes.steps[number]), int(routes.actions[number])))
        return min((way for way in ways if way[0] != OUT_OF_REACH), default=(0, None))[1]

    def _obstacles(self) -> dict[int, Cell]:
        """Return the places of the objects that have been seen, if walking onto one may cost something."""
        if self._order.progress == 0 and self._config.on_wrong == meta_fetch.STAY:
            return {}
        lies = self._map.lies
        return {item: self._map.placed(lies[item]) for item in self._order.present() if item in lies}

    def _exploring(self) -> int | None:
        """Return the first action towards the pose that shows the most unseen cells per step, if any does."""
        graph = pose_graph(meta_fetch, self._config)
        unseen = np.ones((self._config.size, self._config.size), dtype=np.bool_)
        for cell in self._map.seen:
            unseen[self._map.placed(cell)] = False
        news = visible_cells(self._config) @ unseen.reshape(-1)
        allowed = ~graph.entering(*self._obstacles().values())
        steps, first = routes_from(graph.following, graph.number[self._map.placed_pose()], allowed)
        worth = np.where(steps > 0, news / np.maximum(steps, 1), 0.0)
        return int(first[worth.argmax()]) if worth.max() > 0 else None

    def _planned(self) -> int:
        if self._plan is None or self._plan.origin != self._map.origin:
            ahead = future(meta_fetch, self._config, self._state())
            self._plan = _DatedPlan(self._map.origin, self._left, ahead, best_plan(ahead, self._left).actions)
        number = self._plan.ahead.number[timeless(meta_fetch, self._state())]
        return int(self._plan.actions[self._plan.left - self._left, number])

    def _state(self) -> meta_fetch.State:
        """Return the state of an episode that is like this one from here on."""
        cells = order = 0
        for item, cell in self._map.lies.items():
            cells |= cell_number(self._config, *self._map.placed(cell)) << (8 * item)
        for position, item in enumerate(self._order.known):
            order |= item << (3 * position)
        progress, paid = self._order.progress, self._order.paid
        return meta_fetch.State(*self._map.placed_pose(), cells, order, progress, paid, 0, 0, 0, 0)


@lru_cache(maxsize=8)
def visible_cells(config: meta_fetch.Config) -> NDArray[np.int64]:
    """Return which cells of the room each pose has in its window, 0 or 1, int64 [P, size * size]."""
    poses = pose_graph(meta_fetch, config).poses.tolist()
    visible = np.zeros((len(poses), config.size, config.size), dtype=np.int64)
    window = [(row, column) for row in range(config.view_size) for column in range(config.view_size)]
    for number, (row, column, heading) in enumerate(poses):
        for view_row, view_column in window:
            cell = window_cell(row, column, heading, config.view_size, view_row, view_column)
            if is_open(config, *cell):
                visible[number][cell] = 1
    return visible.reshape(len(poses), -1)


@lru_cache(maxsize=8192)
def _floor(config: meta_fetch.Config, pose: Pose) -> bytes:
    """Return which part of the window is not wall, as the bytes of a bool array; empty inside a wall."""
    if not is_open(config, *pose[:2]):
        return b""
    view = np.empty((config.view_size, config.view_size), dtype=np.uint8)
    show_room(config, *pose, view)
    return (view != meta_fetch.WALL).tobytes()
