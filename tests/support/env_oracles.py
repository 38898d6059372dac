"""Slow versions of the environments' parts that look like their descriptions."""

import functools
from collections import deque

import numpy as np

from memory_envs.rules import imaze
from memory_envs.rules.maze import FLOOR, WALL, cue_in_view, moved
from memory_envs.rules.randomness import episode_key

HEADINGS = range(4)


CUE_TILES, GOAL_TILES = (2, 3, 6, 7, 10, 11, 14, 15), (4, 5, 8, 9, 12, 13, 16, 17)


def drawn_maze(size: int, cue: int, num_cues: int = 2) -> np.ndarray:
    """The whole maze as tile codes, drawn like a picture: [size, size]."""
    maze = np.full((size, size), WALL)
    maze[1, 1:-1] = maze[-2, 1:-1] = FLOOR
    maze[1:-1, size // 2] = FLOOR
    maze[1, -2] = CUE_TILES[cue]
    maze[-2, [1, -2]] = GOAL_TILES[:2]
    for pair in range(1, num_cues // 2):
        maze[-3, [2 * pair, -1 - 2 * pair]] = GOAL_TILES[2 * pair : 2 * pair + 2]
    return maze


def cut_window(maze: np.ndarray, row: int, column: int, heading: int, view_size: int) -> np.ndarray:
    """The agent's window: turn the whole picture until the agent looks up, then cut."""
    padded = np.pad(maze, view_size, constant_values=WALL)
    here = np.zeros_like(padded)
    here[row + view_size, column + view_size] = 1
    turns = (heading + 1) % 4  # north needs none, east one turn to the left
    padded, here = np.rot90(padded, turns), np.rot90(here, turns)
    (row,), (column,) = np.nonzero(here)
    reach = view_size // 2
    return padded[row - view_size + 1 : row + 1, column - reach : column + reach + 1]


def one_hot(codes: np.ndarray, tiles: int = 6) -> np.ndarray:
    """Tile codes, any shape, as one flat one-hot vector."""
    return np.eye(tiles, dtype=np.uint8)[codes.reshape(-1)].reshape(-1)


def play_in_python(config: imaze.Config, stream: int, episode: int, actions):
    """Yield (state, window of tile codes, reward, terminated, truncated), reset first."""
    state = imaze.begin(config, episode_key(stream, episode))
    yield state, window(config, state), 0.0, False, False
    for action in actions:
        state, reward, terminated, truncated = imaze.transition(config, state, int(action))
        yield state, window(config, state), reward, terminated, truncated
        if terminated or truncated:
            return


def window(config: imaze.Config, state: imaze.State) -> np.ndarray:
    view = np.empty((config.view_size, config.view_size), dtype=np.uint8)
    imaze.observe(config, state, view)
    return view


def route(config: imaze.Config, start: tuple[int, int, int], is_there) -> list[int]:
    """The shortest sequence of actions from (row, column, heading) to a pose that satisfies `is_there`."""
    queue, reached = deque([(start, [])]), {start}
    while queue:
        pose, actions = queue.popleft()
        if is_there(*pose):
            return actions
        for action in range(imaze.NUM_ACTIONS):
            following = moved(config, *pose, action)
            if following not in reached:
                reached.add(following)
                queue.append((following, [*actions, action]))
    raise AssertionError("no route")


def solution(config: imaze.Config, state: imaze.State, reach: int | None = None) -> list[int]:
    """The shortest way to look at the cue (from `reach` cells at most) and then to the goal it asks for."""
    pose = (state.row, state.column, state.heading)
    eyes = config if reach is None else config._replace(view_size=2 * reach + 1)
    look = route(config, pose, lambda *at: cue_in_view(eyes, *at))
    for action in look:
        pose = moved(config, *pose, action)
    return look + route(
        config, pose, lambda row, column, _: imaze.judged(config, row, column, state.cue) == 1
    )


@functools.cache
def random_success(size: int, steps: int) -> float:
    """The exact probability that uniformly random actions find the correct goal in time."""
    maze = drawn_maze(size, 0)
    moves = ((0, 1), (1, 0), (0, -1), (-1, 0))
    here = np.zeros((4, size, size))  # probability of each pose
    here[:, 1, 1] = 1 / 4
    found = 0.0
    for _ in range(steps):
        following = (np.roll(here, 1, axis=0) + np.roll(here, -1, axis=0)) / 3
        for heading, (down, right) in enumerate(moves):
            ahead = np.roll(here[heading], (down, right), axis=(0, 1)) / 3
            following[heading] += np.where(maze == WALL, 0, ahead)
            blocked = np.roll(maze == WALL, (-down, -right), axis=(0, 1))
            following[heading] += np.where(blocked, here[heading], 0) / 3
        found += following[:, -2, 1].sum()
        following[:, -2, [1, -2]] = 0
        here = following
    return float(found)  # each goal is the correct one in half of the episodes, and both are equally far
