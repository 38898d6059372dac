"""Steps of SB3's shape become Gymnasium's again, whoever made them and whatever wraps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize

from agents.vec_env.gymnasium import GymnasiumVecEnv
from agents.vec_env.steps import GymnasiumSteps, from_sb3
from tests.agents.vec_env.test_gymnasium import Talkative, assert_same

LANES = 6


def vector() -> SyncVectorEnv:
    return SyncVectorEnv([Talkative] * LANES, autoreset_mode=AutoresetMode.SAME_STEP)


MAKERS: dict[str, Callable[[], VecEnv]] = {
    "bridge": lambda: GymnasiumVecEnv(vector()),
    "monitored": lambda: VecMonitor(GymnasiumVecEnv(vector())),
    "normalised": lambda: VecNormalize(GymnasiumVecEnv(vector()), norm_obs=False, norm_reward=False),
    "dummy": lambda: DummyVecEnv([Talkative] * LANES),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_steps_are_those_of_the_gymnasium_environments(make: Callable[[], VecEnv]) -> None:
    ours, theirs, ends = GymnasiumSteps(make()), vector(), set()
    ours.seed(3)
    first, _ = theirs.reset(seed=3)
    assert_same(ours.reset(), first, "reset")
    for time in range(60):
        actions = np.arange(LANES) % 4
        step = ours.step(actions)
        observation, reward, terminated, truncated, infos = theirs.step(actions)
        assert_same(step.observation, observation, f"{time}")
        np.testing.assert_array_equal(step.reward, reward.astype(np.float32))
        # SB3 cannot say that both happened at once: it counts as an end by the rules.
        np.testing.assert_array_equal(step.terminated, terminated)
        np.testing.assert_array_equal(step.truncated, truncated & ~terminated)
        np.testing.assert_array_equal(step.done, terminated | truncated)
        assert sorted(step.final_observation) == np.flatnonzero(step.truncated).tolist()
        for lane, final in step.final_observation.items():
            assert_same(final, infos["final_obs"][lane], f"{time}, lane {lane}")
        assert len(step.infos) == LANES
        ends |= set(zip(terminated.tolist(), truncated.tolist(), strict=True))
    assert len(ends) == 4  # neither, either, both


def test_an_environment_that_does_not_speak_of_time_limits_terminates() -> None:
    dones, infos = np.array([True, False]), [{"terminal_observation": 7}, {}]
    step: Any = from_sb3(np.zeros(2), np.zeros(2), dones, infos)
    assert step.terminated.tolist() == [True, False] and not step.truncated.any()
    assert step.final_observation == {} and step.infos is infos
