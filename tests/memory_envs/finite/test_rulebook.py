"""A rulebook without its clock is the rulebook."""

import numpy as np
import pytest

from memory_envs.finite import DescribedEnv, FiniteEnv, FiniteRules, QuestionEnv
from memory_envs.meta_fetch import TASK as META_FETCH
from memory_envs.rules import imaze
from memory_envs.solvers.graph import enumerate_states


def test_what_follows_is_what_the_rules_say(t_maze):
    task, random = FiniteRules(t_maze, t_maze.configure(length=3)), np.random.default_rng(0)
    assert isinstance(task, FiniteEnv) and not isinstance(task, QuestionEnv)
    for chance, state in task.starts():
        assert chance == 0.5
        timed, over = state, False
        while not over:
            action = int(random.integers(3))
            timed, reward, over, _ = t_maze.transition(task.config._replace(max_steps=10**6), timed, action)
            (outcome,) = task.step(state, action)
            state = outcome.state
            assert state == timed._replace(steps=0)
            assert (outcome.reward, outcome.terminated) == (reward, over)
            assert outcome.success == (timed.outcome == 1)
    assert enumerate_states(task).num_states == 2 * 4


def test_observations_are_windows_and_notes(t_maze):
    task = FiniteRules(t_maze, t_maze.configure(length=3))
    (_, left), (_, right) = task.starts()
    assert (task.observe(left), task.observe(right)) == (bytes([1]), bytes([2]))
    assert task.observe(left._replace(place=3)) == task.observe(right._replace(place=3)) == bytes([3])


@pytest.mark.parametrize("until_success", [False, True])
def test_an_episode_ends_at_a_success_that_the_rules_go_on_after_only_when_asked(monkeypatch, until_success):
    monkeypatch.setattr(imaze, "is_success", lambda config, state: state.row == 1)
    task = FiniteRules(imaze, imaze.configure(), until_success=until_success)
    (outcome,) = task.step(task.starts()[0][1], 0)
    assert outcome.terminated == outcome.success == until_success


def test_what_is_observed_is_told_in_words(t_maze):
    config = t_maze.configure(length=3)
    named = t_maze.TMazeEnv.task.finite_form(config)
    (_, left), _ = named.starts()
    told = [named.describe(named.observe(left._replace(place=place))) for place in (0, 1, 3)]
    assert isinstance(named, DescribedEnv) and told == ["cue left", "corridor", "junction"]
    assert FiniteRules(t_maze, config).describe(bytes([3])) == "tile 3"
    fetch = META_FETCH.finite_form(META_FETCH.rules.configure(size=5, num_objects=2, view_size=3))
    assert fetch.describe(bytes([0, 0, 0, 1, 1, 2, 1, 1, 3, 1])) == "### / ..o / ..s, notes 1"
    fetch.looks = ()
    assert fetch.describe(bytes([0, 0, 0, 1, 1, 2, 1, 1, 3, 0])) == "0 0 0 / 1 1 2 / 1 1 3, notes 0"
