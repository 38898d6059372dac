"""The agent that acts at random: what any other must beat."""

import pytest
import torch
from gymnasium import spaces

from agents.baselines.random_agent import RandomPolicy
from tests.support.tiny import maze_lanes


def test_random_actions_are_uniform_and_leave_nothing_out():
    policy = RandomPolicy(maze_lanes(1).observation_space, spaces.Discrete(3, start=5), lambda _: 0.0)
    torch.manual_seed(0)
    actions, values, log_prob = policy(torch.zeros(9000, 54))
    counts = torch.bincount(actions, minlength=8)
    assert counts[:5].sum() == 0 and (counts[5:] - 3000).abs().max() < 200  # over 4 standard deviations
    assert values.shape == (9000, 1) and log_prob.exp().allclose(torch.tensor(1 / 3))
    with pytest.raises(ValueError, match="takes actions of a Discrete space, got Box"):
        RandomPolicy(spaces.Discrete(2), spaces.Box(0, 1, (2,)), lambda _: 0.0)
