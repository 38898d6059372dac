"""Policies computed from the finite form: right in every maze."""

import functools

import gymnasium
import pytest

from memory_envs.policies import computed
from memory_envs.policies.reference import (
    MemorylessPolicy,
    OptimalPolicy,
    PerfectMemoryPolicy,
)
from tests.support.plays import IMAZE, all_starts


@pytest.mark.parametrize(
    "kwargs, memory_steps, optimal_steps",
    [({}, 19.0, 15.0), ({"size": 7}, 11.0, 11.0), ({"size": 15}, 37.0, 27.0), ({"delay": 30}, 49.0, 15.0)],
)
def test_in_a_maze_memory_is_always_right_and_only_the_look_at_the_cue_costs_time(
    kwargs, memory_steps, optimal_steps
):
    env = gymnasium.make(IMAZE, **kwargs)
    assert all_starts(env, PerfectMemoryPolicy(env)).tolist() == [1, 1, memory_steps]
    assert all_starts(env, OptimalPolicy(env)).tolist() == [1, 1, optimal_steps]


def test_in_a_maze_policies_without_memory_are_right_half_of_the_time():
    env = gymnasium.make(IMAZE)
    returned, success, _ = all_starts(env, MemorylessPolicy(env))
    assert (returned, success) == (0.5, 0.5)


@pytest.mark.parametrize("observability", ["full", "perfect_memory"])
def test_in_the_twins_of_a_maze_no_memory_is_needed(observability):
    env = gymnasium.make(IMAZE, observability=observability)
    assert all_starts(env, MemorylessPolicy(env))[1] == 1


def test_a_penalty_per_step_is_weighed_against_the_goal():
    env = gymnasium.make(IMAZE, step_penalty=0.01)
    returned, success, steps = all_starts(env, PerfectMemoryPolicy(env))
    assert (success, steps) == (1, 19) and returned == pytest.approx(1 - 0.19)


def test_policies_of_a_maze_with_too_many_beliefs_explain_themselves(monkeypatch):
    env = gymnasium.make("MemoryEnvs/IMaze-v0", view_size=1)
    explained = "I-Maze with Config.size=9, .*view_size=1, .* more than 50,000 different beliefs"
    with pytest.raises(ValueError, match=explained):
        PerfectMemoryPolicy(env)
    soon = functools.partial(computed.belief_graph, limit=100)  # once is enough to count so many
    monkeypatch.setattr(computed, "belief_graph", soon)
    with pytest.raises(ValueError, match=explained):
        MemorylessPolicy(env)
