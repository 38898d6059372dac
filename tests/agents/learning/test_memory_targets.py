"""Labels of memory targets, against loops that read like their description, and the head that names them."""

from __future__ import annotations

import math
from typing import Any

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
    loss, metrics = head(weight).loss(core, label)
    first = -(math.log(1 / 8) + math.log(5 / 8) + math.log(2 / 8)) / 3
    assert loss.item() == pytest.approx(first - math.log(3 / 4))
    assert metrics.keys() == {"memory_accuracy"}
    # The third value, and the second of the other target.
    assert metrics["memory_accuracy"].item() == pytest.approx(2 / 4)


def test_without_labels_there_is_no_gradient_and_no_accuracy() -> None:
    made, core = head(torch.ones(5, 1)), torch.ones(2, 3, 1, requires_grad=True)
    loss, metrics = made.loss(core, torch.zeros(2, 3, 2, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0.0 and metrics["memory_accuracy"].isnan()
    assert core.grad is not None and not core.grad.any()


POSE = MemoryTarget("pose", False, {"numbers": 2})
FLAGS = MemoryTarget("flags", False, [2, 3])
MIXED = MemoryTargets([KNOWN, POSE, FETCHED, FLAGS])


def test_targets_of_all_kinds_stand_side_by_side_in_their_columns() -> None:
    infos = [
        {"known": 2, "pose": np.array([-1.5, 1e30]), "fetched": 0, "flags": (1, 2)},
        {"known": np.int64(0), "pose": [0, 7], "fetched": 3, "flags": np.array([False, True])},
    ]
    told, happened = MIXED.told(infos), MIXED.happened(infos)
    assert told.dtype == happened.dtype == np.float32 and len(MIXED) == 6
    np.testing.assert_array_equal(told, np.float32([[3, -1.5, 1e30, 0, 2, 3], [1, 0, 7, 0, 1, 2]]))
    np.testing.assert_array_equal(happened, [[0] * 6, [0, 0, 0, 4, 0, 0]])
    assert MIXED.limits == (4, np.inf, np.inf, 5, 3, 4) and BOTH.dtype == np.int64
    steps = torch.as_tensor(told + happened).unsqueeze(1)
    backwards = MIXED.backwards(steps, torch.zeros(2, 1, dtype=torch.bool))
    assert backwards[:, 0, 3].tolist() == [4, 4]
    assert torch.equal(backwards[:, :, [0, 1, 2, 4, 5]], steps[:, :, [0, 1, 2, 4, 5]])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"pose": [1.0]}, r"pose=\[1.0\], which must be 2 finite numbers"),
        ({"pose": [1.0, np.nan]}, "which must be 2 finite numbers"),
        ({"pose": [1.0, 1e39]}, "which must be 2 finite numbers"),
        ({"pose": "here"}, "pose='here', which must be 2 finite numbers"),
        ({"flags": [0, 3]}, r"flags=\[0, 3\], which must be whole numbers from 0 and below 2, 3"),
        ({"flags": [0, 0.5]}, "which must be whole numbers"),
        ({"known": [1, 2]}, "must be a whole number from 0 and below 3"),
        ({"known": None}, "do not tell 'known'"),
    ],
)
def test_what_a_target_does_not_have_is_refused(changed: dict[str, Any], message: str) -> None:
    info = {"known": 2, "pose": [0.0, 1.0], "flags": [0, 0]} | changed
    with pytest.raises(ValueError, match=message):
        MIXED.told([info])


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "3", [], [2, 0], {"numbers": 0}, {"number": 1}, None])
def test_a_size_that_stands_for_nothing_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match="memory_target_sizes must hold"):
        MemoryHead(4, [size])


def test_the_loss_of_all_kinds_is_the_sum_of_what_each_costs() -> None:
    """Real numbers by hand: their units are those of what was observed before, not of the batch."""
    torch.manual_seed(0)
    made = MemoryHead(5, MIXED.sizes).double()
    assert made.weight.shape == (3 + 2 + 4 + 5, 5)
    seen = torch.randn(7, 2, 6).double() * 100 + 1000
    made.observe(seen)
    core, label = torch.randn(4, 3, 5).double(), torch.randint(0, 2, (4, 3, 6)).double()
    label[..., 1:3] = torch.randn(4, 3, 2).double() * 50 + 900
    loss, metrics = made.loss(core, label)
    said = (core.reshape(12, 5) @ made.weight.T + made.bias).detach().numpy()
    own = label.reshape(12, 6).numpy()

    def entropy(first: int, end: int, column: int) -> float:
        rows = [row for row in range(12) if own[row, column]]
        logits = said[rows, first:end]
        chosen = logits[range(len(rows)), own[rows, column].astype(int) - 1]
        return float((np.log(np.exp(logits).sum(axis=1)) - chosen).mean())

    moments = seen.reshape(14, 6)[:, 1:3].numpy()
    units = (own[:, 1:3] - moments.mean(axis=0)) / moments.std(axis=0)
    squares = (said[:, 3:5] - units) ** 2
    expected = entropy(0, 3, 0) + squares.mean() + entropy(5, 9, 3)
    expected += (entropy(9, 11, 4) + entropy(11, 14, 5)) / 2
    assert loss.item() == pytest.approx(expected)
    explained = 1 - squares.mean(axis=0) / units.var(axis=0)
    assert metrics["memory_explained_variance"].item() == pytest.approx(explained.mean())
    assert metrics.keys() == {"memory_accuracy", "memory_explained_variance"}


@pytest.mark.parametrize(("scale", "shift"), [(2.0**40, 0.0), (2.0**-40, 0.0), (1.0, 3.0)])
def test_the_loss_of_real_numbers_does_not_depend_on_their_scale(scale: float, shift: float) -> None:
    torch.manual_seed(0)
    made, other = (MemoryHead(4, [{"numbers": 3}]) for _ in range(2))
    other.load_state_dict(made.state_dict())
    core, label = torch.randn(5, 6, 4), torch.randn(5, 6, 3)
    for head_, numbers in ((made, label), (other, label * scale + shift)):
        head_.observe(numbers)
    first, second = made.loss(core, label), other.loss(core, label * scale + shift)
    torch.testing.assert_close(first.loss, second.loss, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(first.metrics, second.metrics, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("number", [0.0, 0.1, -1e20])
def test_a_real_number_that_never_changes_is_0_in_its_units(number: float) -> None:
    made = MemoryHead(4, [{"numbers": 1}])
    label = torch.full((5, 6, 1), number)
    for _ in range(3):
        made.observe(label)
    loss, metrics = made.loss(torch.zeros(5, 6, 4), label)
    assert loss.item() == pytest.approx(made.bias.item() ** 2)
    assert metrics["memory_explained_variance"].isnan()
