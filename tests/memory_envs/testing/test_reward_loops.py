"""Endless reward is found exactly where it is."""

from types import SimpleNamespace

import numpy as np
import pytest

from memory_envs.finite.protocol import Outcome
from memory_envs.testing import (
    ConformanceError,
    check_reward_loops,
    find_reward_loop,
)
from tests.support.walks import Walk


@pytest.mark.parametrize("step_penalty", [0.0, 0.25])
def test_endless_reward_is_found_with_its_states_and_actions(step_penalty):
    walk = Walk()
    there_and_back = {(1, 2): 1.0, (2, 1): 0.0}
    walk.gains = {key: gain - step_penalty for key, gain in there_and_back.items()}
    loop = find_reward_loop(walk)
    assert sum(loop.rewards) == 1 - 2 * step_penalty
    assert sorted(loop.states) in ([(1, 0), (2, 0)], [(1, 1), (2, 1)])
    for position, (state, action) in enumerate(zip(loop.states, loop.actions, strict=True)):
        following = loop.states[(position + 1) % len(loop.states)]
        assert walk.step(state, action)[0].state == following
    with pytest.raises(ConformanceError, match=r"can be earned over and over: in \(\d, \d\) action \d earns"):
        check_reward_loops(walk)


@pytest.mark.parametrize(
    "gains",
    [
        {},
        {(2, 3): 5.0},  # paid once, at the end
        {(0, 1): 1.0, (1, 0): -1.0},  # paid, and paid back
        {(0, 0): -0.1, (0, 1): 0.4, (1, 0): -0.5, (1, 2): 1.0, (2, 1): -1.0},
    ],
)
def test_reward_that_ends_is_left_alone(gains):
    walk = Walk()
    walk.gains = gains
    check_reward_loops(walk)


def test_progress_that_may_pay_again_is_left_out():
    walk = Walk()
    walk.gains = {(1, 2): 1.0}
    check_reward_loops(walk, allowed=lambda state, action, outcome: (state[0], outcome.state[0]) == (1, 2))


def test_loops_are_found_in_random_graphs_exactly_where_enumeration_finds_them():
    generator = np.random.default_rng(0)
    found = 0
    for _ in range(300):
        following = generator.integers(0, 5, size=(5, 2))
        reward = generator.integers(-3, 3, size=(5, 2)).astype(float)
        graph = SimpleNamespace(
            num_actions=2,
            horizon=1,
            starts=lambda: [(1.0, 0)],
            step=lambda s, a, f=following, r=reward: [Outcome(1.0, int(f[s, a]), r[s, a])],
        )
        # The best sum of a walk of k steps that leads back: within 5 steps, every simple cycle.
        best = np.full((5, 5), -np.inf)
        for state in range(5):
            for action in range(2):
                best[state, following[state, action]] = max(
                    best[state, following[state, action]], reward[state, action]
                )
        reached, walks, pays = {0}, best.copy(), False
        for _ in range(5):
            reached |= {int(after) for state in reached for after in following[state]}
        for _ in range(5):
            pays |= any(walks[state, state] > 0 for state in reached)
            walks = (walks[:, :, None] + best[None]).max(axis=1)
        loop = find_reward_loop(graph)
        assert (loop is not None) == pays
        assert loop is None or sum(loop.rewards) > 0
        found += pays
    assert 50 < found < 250
