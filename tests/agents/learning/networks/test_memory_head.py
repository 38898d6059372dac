"""Events without a name and what a teacher says, against loops and numbers by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from agents.learning.memory_targets import is_unusual, next_events
from agents.learning.networks.memory_head import MemoryHead, Seen

EVENTS = [{"events": 3}]


def seen(steps: int, lanes: int, done: Tensor | None = None) -> Seen:
    none = torch.zeros(steps, lanes, dtype=torch.bool)
    return Seen(torch.randn(steps, lanes, 4), torch.rand(steps, lanes, 2), none if done is None else done)


@pytest.mark.parametrize(
    ("reward", "expected"),
    [
        ([0.0, 0.0, 1.0, -1.0], [False, False, True, True]),
        ([-0.125, -0.125, 0.875, -0.125], [False, False, True, False]),
        ([1.0, 1.0, 1.0, 1.0], [False] * 4),
        ([0.0, -0.0, 0.0, 2.0], [False, False, False, True]),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 1024.0, 2.0**-40, -1.0])
def test_the_commonest_reward_is_no_event_at_any_scale(
    reward: list[float], expected: list[bool], scale: float
) -> None:
    assert is_unusual(scale * torch.tensor(reward).reshape(2, 2)).flatten().tolist() == expected


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 2**32))
def test_the_next_event_is_the_first_one_ahead_in_the_same_episode(steps: int, lanes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    happened, done = (torch.as_tensor(rng.random((steps, lanes)) < share) for share in (0.3, 0.2))
    found = next_events(happened, done)
    for step, lane in np.ndindex(steps, lanes):
        expected = steps
        for later in range(step, steps):
            if happened[later, lane]:
                expected = later
                break
            if done[later, lane]:
                break
        assert found[step, lane] == expected


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32))
def test_the_loss_of_events_is_that_of_loops(steps: int, lanes: int, seed: int) -> None:
    torch.manual_seed(seed)
    head = MemoryHead(5, EVENTS, seen=6)
    happened, done = torch.rand(steps, lanes) < 0.4, torch.rand(steps, lanes) < 0.2
    core, around = torch.randn(steps, lanes, 5), seen(steps, lanes, done)
    loss, metrics = head.loss(core, happened.unsqueeze(-1).long(), around)
    events = [(t, b) for t in range(steps) for b in range(lanes) if happened[t, b]]
    vectors = {
        (t, b): head.events[0](torch.cat([around.inputs[t, b], around.action[t, b]])) for t, b in events
    }
    costs, rights = [], []
    for t, b in np.ndindex(steps, lanes):
        later = t
        while later < steps and not happened[later, b] and not done[later, b]:
            later += 1
        if later == steps or not happened[later, b]:
            continue
        products = {event: float((head(core[t, b]) @ vector).detach()) for event, vector in vectors.items()}
        total = math.log(sum(math.exp(product) for product in products.values()))
        costs.append(total - products[later, b])
        rights.append(max(products, key=lambda event: products[event]) == (later, b))
    assert loss.item() == pytest.approx(np.mean(costs) if costs else 0.0, abs=1e-5)
    accuracy = metrics["memory_event_accuracy"].item()
    assert accuracy == pytest.approx(np.mean(rights)) if rights else math.isnan(accuracy)


def test_without_an_event_there_is_no_loss_and_no_gradient() -> None:
    head, core = MemoryHead(5, EVENTS, seen=6), torch.randn(4, 2, 5, requires_grad=True)
    loss, metrics = head.loss(core, torch.zeros(4, 2, 1, dtype=torch.int64), seen(4, 2))
    loss.backward()
    assert loss.item() == 0.0 and metrics["memory_event_accuracy"].isnan()
    assert core.grad is not None and not core.grad.any()
    assert all(each.grad is not None and not each.grad.any() for each in head.parameters())


def test_unusual_rewards_are_marked_in_their_column_alone() -> None:
    head = MemoryHead(5, [3, {"events": 3}, {"numbers": 1}], seen=6)
    label = torch.tensor([[[1.0, 0.0, 7.5], [3.0, 0.0, -1.0]], [[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]]])
    marked = head.meet(label, torch.tensor([[0.0, 0.0], [5.0, 0.0]]))
    assert marked[..., 1].tolist() == [[0.0, 0.0], [1.0, 0.0]]
    assert torch.equal(marked[..., [0, 2]], label[..., [0, 2]])
    assert head.units is not None and head.units.count == 4


def test_events_that_look_apart_are_told_apart_by_what_is_remembered() -> None:
    """Two kinds of events, which the core names and the events show: the loss falls to telling one lane's."""
    torch.manual_seed(0)
    head = MemoryHead(2, [{"events": 8}], seen=4)
    optimizer = torch.optim.Adam(head.parameters(), 1e-2)
    which = torch.tensor([[0, 1], [0, 1], [0, 1]])  # of the lane
    core = torch.nn.functional.one_hot(which, 2).float()
    label = torch.tensor([[0, 0], [0, 0], [1, 1]]).unsqueeze(-1)
    around = Seen(core, torch.zeros(3, 2, 2), torch.zeros(3, 2, dtype=torch.bool))
    for _ in range(100):
        loss, metrics = head.loss(core, label, around)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01 and metrics["memory_event_accuracy"] == 1.0


def by_hand(sizes: list[object]) -> MemoryHead:
    """Says log 1, log 2, log 5 of three values, and 4 of a number whose moments are 10 and 2."""
    head = MemoryHead(1, sizes)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[math.log(1)], [math.log(2)], [math.log(5)], [4.0]]))
        head.bias.zero_()
    head.observe(torch.tensor([[[0.0, 8.0]], [[0.0, 12.0]]]))
    return head


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_teacher_is_followed_to_its_share(share: float) -> None:
    """By hand: the teacher says 1/4, 1/4, 1/2 and 11; the labels say the third value at one step, and 14."""
    head = by_hand([3, {"numbers": 1}])
    core, label = torch.ones(2, 1, 1), torch.tensor([[[3.0, 14.0]], [[0.0, 14.0]]])
    teacher = torch.tensor([math.log(1), math.log(1), math.log(2), 11.0]).expand(2, 1, 4)
    loss, metrics = head.loss(core, label, None, teacher, share)
    soft = -(math.log(1 / 8) / 4 + math.log(2 / 8) / 4 + math.log(5 / 8) / 2) + (4 - 0.5) ** 2
    hard = -math.log(5 / 8) + (4 - 2) ** 2
    assert loss.item() == pytest.approx((1 - share) * hard + share * soft)
    assert metrics["memory_accuracy"] == 1.0


def test_what_is_taught_is_what_is_said_in_the_units_of_what_is_told() -> None:
    head = by_hand([3, {"numbers": 1}])
    taught = head.taught(torch.ones(2, 1, 1))
    assert taught[0, 0].tolist() == pytest.approx([0.0, math.log(2), math.log(5), 4 * 2 + 10])
    loss, _ = head.loss(torch.ones(2, 1, 1), torch.tensor([[[0.0, 10.0]]] * 2), None, taught, 1.0)
    entropy = -sum(share * math.log(share) for share in (1 / 8, 2 / 8, 5 / 8))
    assert loss.item() == pytest.approx(entropy, abs=1e-5)


def test_events_have_labels_alone() -> None:
    torch.manual_seed(0)
    head, core = MemoryHead(5, EVENTS, seen=6), torch.randn(4, 2, 5)
    label, around = torch.randint(0, 2, (4, 2, 1)), seen(4, 2)
    alone, taught = (head.loss(core, label, around, *by) for by in ((), (torch.randn(4, 2, 3), 1.0)))
    assert alone.loss == taught.loss > 0
