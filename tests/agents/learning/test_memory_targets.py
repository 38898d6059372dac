"""Labels of memory targets, against loops that read like their description, and the head that names them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.learning.config import ALDConfig
from agents.learning.memory_targets import LEFT_OUT, MemoryTarget, MemoryTargets, parsed
from agents.learning.networks.memory_head import MemoryHead

KNOWN, FETCHED = MemoryTarget("known", False, 3), MemoryTarget("fetched", True, 4)
BOTH = MemoryTargets([KNOWN, FETCHED])


def by_hand(events: list[int], done: list[bool]) -> list[int]:
    """Labels of one lane: look ahead from each step for the next event of its episode."""
    labels = []
    for step in range(len(events)):
        label = LEFT_OUT
        for later in range(step, len(events)):
            if events[later]:
                label = 1 + events[later]
                break
            if done[later]:
                break
        labels.append(label)
    return labels


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**32))
def test_an_event_labels_the_steps_before_it_in_its_episode(steps: int, lanes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    events = rng.choice(4, size=(steps, lanes), p=[0.7, 0.1, 0.1, 0.1])
    told, done = rng.integers(1, 4, size=(steps, lanes)), rng.random((steps, lanes)) < 0.2
    infos = [
        [{"known": int(told[t, b]) - 1, "fetched": int(events[t, b])} for b in range(lanes)]
        for t in range(steps)
    ]
    raw = np.stack([np.maximum(BOTH.told(row), BOTH.happened(row)) for row in infos])
    labels = BOTH.backwards(torch.as_tensor(raw), torch.as_tensor(done))
    assert (labels[:, :, 0].numpy() == told).all()
    for lane in range(lanes):
        assert labels[:, lane, 1].tolist() == by_hand(events[:, lane].tolist(), done[:, lane].tolist())


def test_without_targets_there_are_no_labels() -> None:
    none = MemoryTargets(())
    assert none.told([{}, {}]).shape == none.happened([{}, {}]).shape == (2, 0)
    empty = torch.zeros(3, 2, 0, dtype=torch.int64)
    assert none.backwards(empty, torch.zeros(3, 2, dtype=torch.bool)).shape == (3, 2, 0)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ({}, "memory_targets names 'known', but the environment's infos do not tell 'known'"),
        ({"known": 3}, "tell known=3, which must be a whole number from 0 and below 3"),
        ({"known": -1}, "tell known=-1"),
        ({"known": 0.5}, "tell known=0.5"),
    ],
)
def test_infos_that_do_not_tell_a_target_are_refused(info: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BOTH.told([info])


@pytest.mark.parametrize("setting", ["", "hindsight:", " known", "hindsight: known"])
def test_a_name_must_be_one(setting: str) -> None:
    with pytest.raises(ValueError, match="memory_targets must be names"):
        parsed(setting)
    with pytest.raises(ValueError, match="memory_targets must be names"):
        ALDConfig(memory_targets=(setting,))


def test_settings_take_a_single_name_and_refuse_one_twice() -> None:
    assert ALDConfig(memory_targets="known").memory_targets == ("known",)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="memory_targets must be names, each once"):
        ALDConfig(memory_targets=("known", "known"))
    with pytest.raises(ValueError, match=r"memory_targets must be names, got \(3,\)"):
        ALDConfig(memory_targets=(3,))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="memory_target_coef must be at least 0"):
        ALDConfig(memory_target_coef=-1.0)


def head(weight: Tensor) -> MemoryHead:
    made = MemoryHead(weight.shape[1], (3, 2))
    with torch.no_grad():
        made.weight.copy_(weight)
        made.bias.zero_()
    return made


def test_the_loss_is_the_mean_over_labelled_steps_summed_over_targets() -> None:
    """By hand: weights that say log 1, log 2, log 5 of the first target and log 1, log 3 of the second."""
    weight = torch.tensor([[1.0], [2.0], [5.0], [1.0], [3.0]]).log()
    core = torch.ones(2, 2, 1)
    label = torch.tensor([[[1, LEFT_OUT], [3, 2]], [[LEFT_OUT, LEFT_OUT], [2, LEFT_OUT]]])
    loss, named = head(weight).loss(core, label)
    first = -(math.log(1 / 8) + math.log(5 / 8) + math.log(2 / 8)) / 3
    assert loss.item() == pytest.approx(first - math.log(3 / 4))
    assert named.item() == pytest.approx(2 / 4)  # the third value, and the second of the other target


def test_without_labels_there_is_no_gradient_and_no_accuracy() -> None:
    made, core = head(torch.ones(5, 1)), torch.ones(2, 3, 1, requires_grad=True)
    loss, named = made.loss(core, torch.zeros(2, 3, 2, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0.0 and named.isnan() and core.grad is not None and not core.grad.any()
