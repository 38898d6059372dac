"""Times per step, and the observations they are measured with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from agents.evaluation import latency
from agents.evaluation.latency import measure, sample_observations

BOX = spaces.Box(-1, 1, (3,), np.float32)


class Clocked:
    """Takes the time that it is told to, on a clock of its own."""

    now = 0.0

    def __init__(self, seconds: float) -> None:
        self.seconds, self.states = seconds, []  # type: tuple[float, list[Any]]

    def predict(self, observation: Any, state: Any, episode_start: Any, deterministic: bool) -> Any:
        Clocked.now += self.seconds
        self.states.append(state)
        return np.zeros(len(observation)), (state or 0) + 1


def test_latency_is_per_step_with_memory_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency.time, "perf_counter", lambda: Clocked.now)  # type: ignore[attr-defined]
    policies = {"fast": Clocked(0.001), "slow": Clocked(0.02)}
    fast, slow = measure(policies, BOX, 2, rounds=5, steps=3, warm_up=1)
    assert fast.ratio == 1 and slow.ratio == pytest.approx(20)
    assert fast.microseconds == pytest.approx(1000) and slow.microseconds == pytest.approx(20_000)
    assert policies["slow"].states == [None, *range(1, 16)]


def test_sampled_observations_lie_in_the_space_at_a_scale_that_means_something() -> None:
    huge = np.finfo(np.float32).max
    space = spaces.Box(np.array([-1, -huge, 5], np.float32), np.array([1, huge, np.inf], np.float32))
    drawn = sample_observations(space, 500, seed=0)
    assert all(space.contains(each) for each in drawn)
    assert np.abs(drawn[:, 1]).max() < 10 and drawn[:, 1].std() > 0.5
