"""I-Maze without its clock is I-Maze."""

import numpy as np

from memory_envs.finite.imaze import FiniteIMaze
from memory_envs.rules import imaze
from memory_envs.solvers.graph import enumerate_states


def test_all_starts_of_a_maze_are_equally_frequent():
    counts = np.zeros(8)
    task = FiniteIMaze(imaze.configure())
    starts = {state: number for number, (_, state) in enumerate(task.starts())}
    assert len(starts) == 8
    for key in np.random.default_rng(0).integers(2**32, size=8000).tolist():
        counts[starts[imaze.begin(task.config, key)]] += 1
    assert abs(counts - 1000).max() < 5 * 1000**0.5


def test_a_maze_without_its_clock_is_the_maze():
    config = imaze.configure(delay=2, observability="perfect_memory")
    task, random = FiniteIMaze(config), np.random.default_rng(0)
    known = set(enumerate_states(task).states)
    for key in range(20):
        state = imaze.begin(config, key)
        timeless = next(each for _, each in task.starts() if each[:4] == state[:4])
        for action in random.integers(3, size=100).tolist():
            state, reward, terminated, _ = imaze.transition(config, state, action)
            (outcome,) = task.step(timeless, action)
            timeless = outcome.state
            assert (outcome.reward, outcome.terminated) == (reward, terminated)
            assert task.observe(timeless) == task.observe(state)
            if terminated:
                break
            assert timeless in known
