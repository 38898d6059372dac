"""Unrolls are cut, joined and stored without loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learning.unroll import (
    LearnerOutputs,
    Unroll,
    join_lanes,
    map_observation,
    observation_to_tensors,
    replace_rows,
)
from agents.sb3 import checkpoint
from tests.support.scripted import ACTIONS, LANES, STEPS, collected
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")


def seen(unroll: Unroll) -> Unroll:
    """An unroll with a learner's state and outputs, random but for their shapes."""
    value = torch.randn(STEPS, LANES)
    outputs = LearnerOutputs(torch.randn(STEPS, LANES, ACTIONS), value, value)
    state = (torch.randn(LANES, 2, 4, 6), torch.arange(LANES))
    return unroll._replace(learner=outputs, learner_state=state)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("with_learner", [False, True])
def test_unrolls_survive_a_checkpoint(tmp_path: Any, as_dict: bool, with_learner: bool) -> None:
    [unroll] = collected(as_dict=as_dict)
    unroll = seen(unroll) if with_learner else unroll
    checkpoint.save(tmp_path / "unroll", unroll.to_tree())
    loaded = Unroll.from_tree(checkpoint.load(tmp_path / "unroll"))
    assert differences(unroll.to_tree(), loaded.to_tree()) == []
    assert (loaded.learner is None) == (not with_learner)


@pytest.mark.parametrize("as_dict", [False, True])
def test_joined_lanes_are_the_lanes_they_came_from(as_dict: bool) -> None:
    first, second = (seen(unroll) for unroll in collected(2, as_dict))
    parts = [(second, 1), (first, 0), (first, 1), (second, 1), (first, 2)]
    joined = join_lanes(parts)
    assert (joined.length, joined.lanes) == (STEPS, len(parts))
    for column, (unroll, lane) in enumerate(parts):
        mine, theirs = one_lane(joined, column), one_lane(unroll, lane)
        assert differences(mine, theirs) == []
    assert joined.learner is None


def one_lane(unroll: Unroll, lane: int) -> dict[str, Any]:
    """All that belongs to a lane of an unroll."""
    names = ("is_first", "action", "reward", "terminated", "truncated", "behaviour_policy")
    own = unroll.final_lane == lane
    assert unroll.learner_state is not None
    return {
        **{name: getattr(unroll, name)[:, lane] for name in names},
        "observation": map_observation(lambda x: x[:, lane], unroll.observation),
        "actor_state": [part[lane] for part in unroll.actor_state],
        "learner_state": [part[lane] for part in unroll.learner_state],
        "final_time": unroll.final_time[own],
        "final_observation": map_observation(lambda x: x[own], unroll.final_observation),
    }


def test_all_lanes_in_order_are_the_unroll_itself() -> None:
    unroll = seen(collected()[0])
    joined = join_lanes([(unroll, lane) for lane in range(LANES)])
    for lane in range(LANES):
        assert differences(one_lane(joined, lane), one_lane(unroll, lane)) == []


def test_lanes_without_truncations_can_be_joined() -> None:
    unroll = seen(collected()[0])
    joined = join_lanes([(unroll, 2), (unroll, 2)])
    assert len(joined.final_time) == len(joined.final_lane) == 0
    assert isinstance(joined.final_observation, Tensor) and joined.final_observation.shape == (0, 3)


def test_replaced_rows_go_where_they_are_told_and_into_a_copy() -> None:
    observation = {"a": torch.zeros(3, 2, 2, dtype=torch.uint8), "b": torch.zeros(3, 2)}
    by = {"a": torch.tensor([[1, 2], [3, 4]]), "b": torch.tensor([5.0, 6.0])}
    result = replace_rows(observation, torch.tensor([2, 0]), torch.tensor([0, 1]), by)
    assert isinstance(result, dict)
    assert result["a"].dtype == torch.uint8
    assert result["a"].tolist() == [[[0, 0], [3, 4]], [[0, 0], [0, 0]], [[1, 2], [0, 0]]]
    assert result["b"].tolist() == [[0, 6], [0, 0], [5, 0]]
    assert not observation["a"].any()
    nothing = torch.empty(0, dtype=torch.int64)
    plain = replace_rows(observation["b"], nothing, nothing, torch.empty(0))
    assert isinstance(plain, Tensor)
    assert torch.equal(plain, observation["b"])


@pytest.mark.parametrize("value", [np.arange(3.0, dtype=np.float32), np.uint8(7), [1, 2], 3], ids=repr)
def test_observations_become_tensors_of_their_own_alone_or_in_parts(value: Any) -> None:
    alone, parts = observation_to_tensors(value), observation_to_tensors({"part": value})
    assert isinstance(alone, Tensor) and isinstance(parts, dict)
    for tensor in (alone, parts["part"]):
        assert tensor.numpy().dtype == np.asarray(value).dtype
        np.testing.assert_array_equal(tensor.numpy(), value)
        assert not isinstance(value, np.ndarray) or not np.shares_memory(tensor.numpy(), value)
