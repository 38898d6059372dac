"""Lanes of several environments side by side are what they are alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import Wrapper
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv

from agents.vec_env.joined import JoinedVecEnv
from agents.vec_env.make import make_lanes
from agents.vec_env.steps import GymnasiumSteps
from tests.agents.vec_env.test_gymnasium import Talkative, assert_same

SMALL, LARGE = "MemoryEnvs/IMaze-7x7-v0", "MemoryEnvs/IMaze-v0"
SHORT = {"max_episode_steps": 7, "analysis": True}


def parts() -> list[Any]:
    return [make_lanes(SMALL, 2, SHORT), make_lanes(LARGE, 3, SHORT)]


def test_each_lane_goes_on_as_alone() -> None:
    joined, alone = JoinedVecEnv(parts(), [SMALL, LARGE]), parts()
    joined.seed(5)
    alone[0].seed(5), alone[1].seed(7)
    steps, each = GymnasiumSteps(joined), [GymnasiumSteps(part) for part in alone]
    assert_same(joined.reset(), np.concatenate([part.reset() for part in alone]), "reset")
    random, ended = np.random.default_rng(0), 0
    for _ in range(20):
        actions = random.integers(3, size=5)
        found = steps.step(actions)
        one, other = each[0].step(actions[:2]), each[1].step(actions[2:])
        for name in ("observation", "reward", "terminated", "truncated"):
            both = np.concatenate([getattr(one, name), getattr(other, name)])
            assert_same(getattr(found, name), both, name)
        for told, by in zip(found.infos, [*one.infos, *other.infos], strict=True):
            assert {**told, "episode": None}.keys() == {**by, "episode": None}.keys()
            assert told["cue"] == by["cue"] and told["is_success"] == by["is_success"]
        first = {**one.first_infos, **{lane + 2: info for lane, info in other.first_infos.items()}}
        assert found.first_infos == first
        ended += len(first)
    assert ended


def test_lanes_are_asked_and_told_by_their_numbers() -> None:
    joined = JoinedVecEnv([DummyVecEnv([Talkative] * 2), DummyVecEnv([Talkative])], "ab")
    joined.set_attr("mark", 3, indices=[0, 2])
    assert joined.get_attr("mark", [2, 0]) == [3, 3]
    with pytest.raises(AttributeError):
        joined.get_attr("mark", [1])
    assert joined.env_method("reset", seed=1, indices=[2])[0][1] is not None
    assert joined.env_is_wrapped(Wrapper) == [False] * 3
    assert JoinedVecEnv([DummyVecEnv([lambda: Monitor(Talkative())])], "a").env_is_wrapped(Monitor) == [True]
    joined.close()


def test_options_reach_every_part() -> None:
    joined = JoinedVecEnv(parts(), [SMALL, LARGE])
    joined.seed(None)
    joined.set_options([{}] * 5)
    joined.set_options()
    assert joined.reset().shape[0] == 5
    assert joined.get_images() == [None] * 5


def test_tasks_of_other_spaces_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"tasks must have one observation_space, got .* of a and .* of b"):
        JoinedVecEnv([make_lanes(SMALL, 1), make_lanes("MemoryEnvs/MetaFetch-v0", 1)], ["a", "b"])
