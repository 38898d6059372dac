"""Rewards are remembered only when that is asked for."""

import pytest

import memory_envs
from memory_envs.finite import Outcome
from tests.support.brute_force import RandomPOMDP, best_over_histories
from tests.support.toys import NamedTMaze


class Bandit:
    """One of two arms always pays 1, the other never; nothing is seen."""

    num_actions = 2
    horizon = 10

    def starts(self):
        return [(0.5, 0), (0.5, 1)]

    def step(self, state, action):
        return [Outcome(1.0, state, float(action == state))]

    def observe(self, state):
        return "arms"


def test_who_sees_rewards_loses_half_a_pull_to_a_bandit():
    blind = memory_envs.certify(Bandit())
    assert blind.perfect_memory.episode_return.lower == 5 and not blind.reward_observed
    told = memory_envs.certify(Bandit(), reward_observed=True)
    assert told.perfect_memory.episode_return.lower == 9.5 and told.reward_observed
    assert told.memoryless.episode_return.lower == pytest.approx(5)
    assert blind.imitation.episode_return.lower == 5
    assert told.imitation.episode_return.lower == 9.5, "after one pull it knows what its teacher knows"
    assert told.memory_required and "perfect memory: remembers rewards too" in str(told)
    short = type("Short", (Bandit,), {"horizon": 5})()
    assert best_over_histories(short) == 2.5
    assert best_over_histories(short, rewards_remembered=True) == 4.5


def test_remembered_rewards_are_worth_what_brute_force_finds():
    for seed in range(25):
        env = RandomPOMDP(seed)
        env.horizon = min(env.horizon, 3)
        found = memory_envs.certify(env, reward_observed=True).perfect_memory.episode_return
        assert found.how == "exact"
        assert found.lower == pytest.approx(best_over_histories(env, rewards_remembered=True), abs=1e-9)


def test_where_rewards_tell_nothing_new_nothing_changes():
    blind, told = (memory_envs.certify(NamedTMaze(), reward_observed=each) for each in (False, True))
    assert told.to_json() == blind.to_json() | {"reward_observed": True}
