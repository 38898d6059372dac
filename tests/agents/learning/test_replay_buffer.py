"""The replay buffer keeps its bounds and draws what it says it draws."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch

from agents.learning.replay_buffer import ReplayBuffer
from agents.learning.unroll import LearnerOutputs, Unroll
from agents.sb3 import checkpoint
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 4


def unroll(advantage: list[float], mark: int = 0) -> Unroll:
    """An unroll with one lane per advantage; its actions are `mark`, its rewards count the lanes."""
    lanes = len(advantage)
    logits, flags = torch.zeros(STEPS, lanes, 2), torch.zeros(STEPS, lanes, dtype=torch.bool)
    reward = torch.arange(lanes).expand(STEPS, lanes).float()
    advantages = torch.tensor(advantage).expand(STEPS, lanes)
    return Unroll(
        observation=torch.zeros(STEPS + 1, lanes, 1),
        is_first=torch.zeros(STEPS + 1, lanes, dtype=torch.bool),
        action=torch.full((STEPS, lanes), mark),
        reward=reward,
        terminated=flags,
        truncated=flags,
        behaviour_policy=logits,
        actor_state=(torch.zeros(lanes, 1),),
        final_time=torch.zeros(0, dtype=torch.int64),
        final_lane=torch.zeros(0, dtype=torch.int64),
        final_observation=torch.zeros(0, 1),
        memory_label=torch.zeros(STEPS, lanes, 0, dtype=torch.int64),
        learner_state=(torch.zeros(lanes, 1),),
        learner=LearnerOutputs(logits, reward, advantages),
    )


def filled(capacity: int, count: int, seed: int = 0) -> ReplayBuffer:
    replay = ReplayBuffer(capacity, seed)
    for mark in range(count):
        replay.add(unroll([1.0, 1.0], mark))
    return replay


def mark(sampled: Unroll) -> int:
    return int(sampled.action[0, 0])


@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_oldest_goes_first(count: int) -> None:
    replay = filled(3, count)
    assert len(replay) == min(count, 3)
    assert {mark(replay.sample()) for _ in range(100)} == set(range(max(0, count - 3), count))


def test_whole_unrolls_are_sampled_uniformly_from_the_latest() -> None:
    replay = filled(10, 10)
    drawn = Counter(mark(replay.sample(4)) for _ in range(4000))
    assert set(drawn) == {6, 7, 8, 9}
    assert all(abs(count - 1000) < 120 for count in drawn.values())
    assert {mark(replay.sample(99)) for _ in range(200)} == set(range(10))


@pytest.mark.parametrize(
    ("exponent", "shares"), [(0.0, [1, 1, 1, 1]), (1.0, [1, 4, 2, 3]), (2.0, [1, 16, 4, 9])]
)
def test_lanes_are_sampled_by_the_size_of_their_advantage(exponent: float, shares: list[int]) -> None:
    replay = ReplayBuffer(4, 0, exponent)
    replay.add(unroll([1.0, -4.0], mark=0))
    replay.add(unroll([2.0, 3.0], mark=1))
    joined = replay.sample_lanes(4000)
    drawn = (2 * joined.action[0] + joined.reward[0].long()).bincount(minlength=4) / 4000
    np.testing.assert_allclose(drawn, np.array(shares) / sum(shares), atol=0.03)


def test_lanes_without_advantage_are_sampled_only_if_no_lane_has_any() -> None:
    replay = ReplayBuffer(4, 0)
    replay.add(unroll([0.0, 0.0]))
    assert set(replay.sample_lanes(50).reward[0].tolist()) == {0.0, 1.0}
    replay.add(unroll([0.0, 1.0], mark=1))
    joined = replay.sample_lanes(50)
    assert set(joined.reward[0].tolist()) == {1.0} and set(joined.action[0].tolist()) == {1}


def test_lanes_of_unrolls_of_several_widths_are_joined() -> None:
    replay = ReplayBuffer(4, 0)
    replay.add(unroll([1.0], mark=0))
    replay.add(unroll([1.0, 1.0, 1.0], mark=1))
    assert replay.sample_lanes(40).lanes == 40
    assert replay.sample_lanes(40).action.float().mean() == pytest.approx(0.75, abs=0.2)


def test_samples_are_decided_by_the_seed() -> None:
    one, same, other = filled(9, 9), filled(9, 9, seed=5), filled(9, 9, seed=1)
    same.seed(0)
    drawn = [[mark(replay.sample()) for _ in range(20)] for replay in (one, same, other)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_replay_goes_on_from_its_state_in_a_file(tmp_path: Any) -> None:
    replay, other = filled(5, 8), ReplayBuffer(5, 77)
    replay.sample()
    checkpoint.save(tmp_path / "replay", replay.state_dict())
    other.load_state_dict(checkpoint.load(tmp_path / "replay"))
    assert differences(replay.state_dict(), other.state_dict()) == []
    for _ in range(10):
        assert mark(replay.sample()) == mark(other.sample())
        pair = (each.sample_lanes(3).to_tree() for each in (replay, other))
        assert differences(*pair) == []


def test_misuse_is_refused() -> None:
    with pytest.raises(ValueError, match="capacity must be at least 1, got 0"):
        ReplayBuffer(0, 0)
    for draw in (ReplayBuffer(1, 0).sample, lambda: ReplayBuffer(1, 0).sample_lanes(1)):
        with pytest.raises(IndexError, match="add an unroll first"):
            draw()
    with pytest.raises(ValueError, match="pass it to the learner first"):
        ReplayBuffer(1, 0).add(unroll([1.0])._replace(learner=None))
