"""More than two cues: the goals of the others lie in niches, and nothing else changes."""

import itertools

import numpy as np
import pytest

from memory_envs.imaze import TASK
from memory_envs.rules import imaze
from memory_envs.rules.grid import NORTH
from memory_envs.rules.maze import WALL, cue_tile, goal_cell, goal_tile, is_niche, is_open, tile
from memory_envs.rules.randomness import episode_key
from tests.support.env_oracles import HEADINGS, cut_window, drawn_maze, route, solution, window

ROOMIEST = [(9, 4), (13, 6), (17, 8), (21, 4)]


@pytest.mark.parametrize("size, num_cues", ROOMIEST)
def test_the_window_is_the_picture_of_the_maze_turned_and_cut(size, num_cues):
    config = imaze.configure(size=size, num_cues=num_cues)
    for cue in range(num_cues):
        maze = drawn_maze(size, cue, num_cues)
        state = imaze.first_state(config, cue, NORTH)
        for row, column in itertools.product(range(size), repeat=2):
            assert tile(config, cue, row, column) == maze[row, column]
            assert is_open(config, row, column) == (maze[row, column] != WALL)
        for row, column in np.argwhere(maze != WALL).tolist():
            for heading in HEADINGS if cue == 0 else (NORTH,):
                seen = window(config, state._replace(row=row, column=column, heading=heading))
                assert (seen == cut_window(maze, row, column, heading, 3)).all()


def test_two_cues_fill_no_niche():
    for size in (5, 9, 17, 31):
        assert not any(is_niche(imaze.configure(size=size, view_size=1), x) for x in range(size))


@pytest.mark.parametrize("size, num_cues", ROOMIEST)
def test_each_cue_asks_for_a_goal_of_its_own(size, num_cues):
    config = imaze.configure(size=size, num_cues=num_cues)
    outcomes = np.zeros((num_cues, num_cues))
    for cue, goal in itertools.product(range(num_cues), repeat=2):
        state = imaze.first_state(config, cue, NORTH)
        cell = goal_cell(config, goal)
        for action in route(config, (1, 1, NORTH), lambda *at, cell=cell: at[:2] == cell):
            assert state.outcome == 0
            state, reward, terminated, _ = imaze.transition(config, state, action)
        assert terminated and reward == state.outcome
        outcomes[cue, goal] = reward
        assert TASK.looks[goal_tile(goal)].colour == TASK.looks[cue_tile(goal)].colour
    assert (outcomes == 2 * np.eye(num_cues) - 1).all()


def test_every_cue_begins_equally_often():
    config = imaze.configure(size=17, num_cues=8)
    cues = [imaze.begin(config, episode_key(3, episode)).cue for episode in range(8000)]
    assert abs(np.bincount(cues, minlength=8) - 1000).max() < 120  # four standard deviations


def test_more_cues_hardly_lengthen_the_walk():
    """In 17x17 the farthest goal of eight is at most four steps, of 40, from the nearest."""
    config = imaze.configure(size=17, num_cues=8)
    walks = [len(solution(config, imaze.first_state(config, cue, NORTH))) for cue in range(8)]
    assert max(walks) == 44 and max(walks) - min(walks) == 4


def test_facts_events_targets_and_the_state_speak_of_all_cues():
    config = imaze.configure(num_cues=4)
    assert TASK.memory_targets(config) == {"known_cue": 5, "reached": 5}
    names = [each.name for each in TASK.meanings(config)["known_cue"]]
    assert names == ["nothing yet", "cue A", "cue B", "cue C", "cue D"]
    told, known = [], []
    for cue in range(4):
        state = imaze.first_state(config, cue, NORTH)
        numbers, facts, events = np.zeros(10), np.zeros(4, dtype=int), np.zeros(2, dtype=int)
        imaze.write_state(config, state, numbers)
        told.append(numbers[8])
        row, column = goal_cell(config, cue)
        assert numbers[6:8].tolist() == [(1 - row) / 9, (column - 1) / 9]  # seen from (1, 1), looking north
        for action in solution(config, state):
            before = state
            state, *_ = imaze.transition(config, state, action)
        imaze.write_facts(config, state, facts)
        imaze.write_events(config, before, state, events)
        known.append((int(facts[3]), *events.tolist()))
    assert told == pytest.approx([-1, -1 / 3, 1 / 3, 1])
    assert known == [(1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 4, 0)]
