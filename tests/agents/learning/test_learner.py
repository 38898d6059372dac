"""The learner against a slow version that takes every episode by itself."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learning.config import ALDConfig
from agents.learning.finite import LossNotFinite
from agents.learning.learner import Learner
from agents.learning.unroll import Unroll
from tests.support.learners import (
    CONFIG,
    ENDING,
    LANES,
    STEPS,
    cut,
    furthest,
    gtrxl,
    learner,
    pairs,
    unroll,
    update,
)
from tests.support.slow_learner import Slow, warmed
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")


def compared(data: Unroll, **settings: Any) -> tuple[Learner, Unroll, Slow]:
    """Update a learner whose lanes are in progress, and move a copy of its network by the slow version."""
    fast = learner(**settings)
    slow = Slow(fast, warmed(fast.network))
    fast.core_state = warmed(fast.network)
    attached, _ = update(fast, data)
    gradients = torch.autograd.grad(slow.loss(data), list(slow.network.parameters()))
    with torch.no_grad():
        for parameter, gradient in zip(slow.network.parameters(), gradients, strict=True):
            parameter -= gradient
    return fast, attached, slow


# --- Episodes inside an unroll --------------------------------------------------------------------


@pytest.mark.parametrize("timeout_is_terminal", [False, True])
@pytest.mark.parametrize("begins", [False, True], ids=["in progress", "from the start"])
def test_an_update_equals_that_of_separate_episodes(timeout_is_terminal: bool, begins: bool) -> None:
    data = unroll()
    data.is_first[0] = begins
    fast, _, slow = compared(data, timeout_is_terminal=timeout_is_terminal)
    assert furthest(fast.network, slow.network) < 1e-9
    assert furthest(fast.network, gtrxl()) > 1e-2  # there was something to learn


def test_the_entropy_of_the_steps_that_are_imitated_counts_as_they_do() -> None:
    data = unroll()
    fast, _, slow = compared(data, entropy_weighting="psi")
    assert furthest(fast.network, slow.network) < 1e-9
    assert furthest(fast.network, compared(data)[0].network) > 1e-4


@pytest.mark.parametrize("lane", [1, 3], ids=["once", "twice"])
def test_a_truncated_episode_is_valued_at_its_own_last_observation(lane: int) -> None:
    data = unroll()
    _, attached, _ = compared(data)
    fast = learner()
    slow = Slow(fast, warmed(fast.network))
    with torch.no_grad():
        *_, trace = slow.outputs(data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.advantage[:, lane], trace["advantage"][:, lane])


def test_a_time_out_taken_for_an_end_changes_truncated_lanes_only() -> None:
    data = unroll()
    advantages = []
    for flag in (False, True):
        _, attached, _ = compared(data, timeout_is_terminal=flag)
        assert attached.learner is not None
        advantages.append(attached.learner.advantage)
    changed = (advantages[0] != advantages[1]).any(dim=0)
    assert changed.tolist() == [False, True, False, True]


@pytest.mark.parametrize("ends", [{1: 2, 2: 3, 3: 1}, {3: 4}, {3: 6}], ids=str)
def test_a_successor_does_not_reach_the_episode_before_it(ends: dict[int, int]) -> None:
    # All that follows these ends (of each lane, a step) is poison, of which the steps before must not know.
    data, poisoned = unroll(), unroll()
    assert isinstance(poisoned.observation, Tensor)
    for lane, end in ends.items():
        poisoned.observation[end + 1 :, lane] = 1e3
        poisoned.reward[end + 1 :, lane] = -1e3
    clean, dirty = (compared(each)[1].learner for each in (data, poisoned))
    assert clean is not None and dirty is not None
    for lane, end in ends.items():
        for name in ("advantage", "value", "policy"):
            left, right = (getattr(each, name)[: end + 1, lane] for each in (clean, dirty))
            torch.testing.assert_close(left, right, rtol=0, atol=0)
        after = slice(end + 1, None)
        assert end == STEPS - 1 or not torch.equal(clean.advantage[after, lane], dirty.advantage[after, lane])


def test_the_last_observation_of_a_truncated_episode_counts() -> None:
    data = unroll()
    moved = data._replace(final_observation=data.final_observation + 1.0)  # type: ignore[operator]
    left, right = (compared(each)[1].learner for each in (data, moved))
    assert left is not None and right is not None
    changed = (left.advantage != right.advantage).any(dim=0)
    assert changed.tolist() == [False, True, False, True]


# --- Memory across unrolls ------------------------------------------------------------------------


def test_memory_is_carried_from_unroll_to_unroll() -> None:
    long = unroll(np.concatenate([ENDING, ENDING]))
    halves = [cut(long, 0, STEPS), cut(long, STEPS, 2 * STEPS)]
    carried = learner()
    carried.optimizer = torch.optim.SGD(carried.network.parameters(), lr=0.0)  # type: ignore[assignment]
    attached = [update(carried, half)[0] for half in halves]
    with torch.no_grad():
        network = gtrxl()
        outputs, state = network(long.observation, network.initial_state(LANES), long.is_first, 2 * STEPS)
    logits = torch.cat([each.learner.policy for each in attached if each.learner])
    torch.testing.assert_close(logits, outputs.policy[:-1])
    value = torch.cat([each.learner.value for each in attached if each.learner])
    torch.testing.assert_close(value, outputs.value[:-1])
    torch.testing.assert_close(carried.core_state, state)
    assert attached[0].learner_state is not None
    assert attached[0].learner_state[1].tolist() == [0] * LANES


def test_a_replayed_unroll_starts_from_the_memory_it_had() -> None:
    made = learner()
    made.core_state = warmed(made.network)
    attached, _ = update(made, unroll())
    memory, twin, forgetful = made.core_state, copy.deepcopy(made), copy.deepcopy(made)
    update(made, attached)
    twin.core_state, forgetful.core_state = attached.learner_state, None
    for other in (twin, forgetful):
        update(other, unroll())
    assert furthest(made.network, twin.network) == 0
    assert furthest(made.network, forgetful.network) > 1e-3
    assert made.core_state is memory


# --- What is attached -----------------------------------------------------------------------------


def test_outputs_are_what_the_network_said_before_the_update() -> None:
    made = learner()
    data = unroll()
    with torch.no_grad():
        outputs, _ = gtrxl()(data.observation, gtrxl().initial_state(LANES), data.is_first)
    attached, _ = update(made, data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.policy, outputs.policy[:-1])
    torch.testing.assert_close(attached.learner.value, outputs.value[:-1])
    assert not any(part.requires_grad for part in attached.learner)
    assert furthest(made.network, gtrxl()) > 1e-3


def test_values_are_attached_normalised_by_the_new_moments() -> None:
    made = learner(popart_step_size=0.5)
    made.popart.mean.fill_(3.0)
    made.popart.mean_square.fill_(13.0)  # sigma 2
    made.popart.updates.fill_(1000)
    data = unroll()
    with torch.no_grad():
        outputs, _ = gtrxl()(data.observation, gtrxl().initial_state(LANES), data.is_first)
    attached, _ = update(made, data)
    assert attached.learner is not None
    assert made.popart.sigma != 2.0
    torch.testing.assert_close(made.popart.denormalize(attached.learner.value), 2 * outputs.value[:-1] + 3)


# --- PopArt, target, multipliers ------------------------------------------------------------------


def test_popart_moves_no_value_by_itself() -> None:
    made = learner(popart_step_size=0.25)
    made.popart.mean_square.fill_(1.0)
    made.popart.updates.fill_(1000)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.0)  # type: ignore[assignment]
    data = unroll()
    data = data._replace(reward=10 * data.reward + 5)

    def values() -> Tensor:
        with torch.no_grad():
            outputs, _ = made.network(data.observation, made.network.initial_state(LANES), data.is_first)
            return made.popart.denormalize(outputs.value)

    before, head = values(), made.network.value_head.weight.detach().clone()
    update(made, data)
    assert made.popart.sigma > 2 and not torch.equal(head, made.network.value_head.weight)
    torch.testing.assert_close(values(), before, rtol=1e-6, atol=1e-6)


def test_the_value_loss_counts_in_units_of_the_new_sigma() -> None:
    made = learner(popart_step_size=0.25)
    made.popart.mean_square.fill_(1.0)
    made.popart.updates.fill_(1000)
    data = unroll()
    _, metrics = update(made, data)
    fast = learner()
    slow = Slow(fast, fast.network.initial_state(LANES))
    with torch.no_grad():
        _, value, _, trace = slow.outputs(data)
    error = (trace["target"] - value) / made.popart.sigma
    torch.testing.assert_close(metrics["loss/value"], 0.5 * error.square().mean(), check_dtype=False)


@pytest.mark.parametrize("period", [1, 3])
def test_the_target_is_refreshed_every_period(period: int) -> None:
    made = learner(target_period=period)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.01)  # type: ignore[assignment]
    data, last = unroll(), copy.deepcopy(made.target)
    attached = data
    for count in range(1, 8):
        if count % 2:
            attached, _ = update(made, data)
        else:
            update(made, attached)
        if count % period == 0:
            last.load_state_dict(made.network.state_dict())
        assert furthest(made.target, last) == 0
        assert count % period == 0 or furthest(made.target, made.network) > 0
    assert all(parameter.grad is None for parameter in made.target.parameters())


def test_gradients_can_be_clipped() -> None:
    free, clipped = learner(), learner(max_grad_norm=0.01)
    for made in (free, clipped):
        update(made, unroll())
    moved = [
        torch.cat([(p - q).detach().flatten() for p, q in pairs(made.network, gtrxl())]).norm()
        for made in (free, clipped)
    ]
    assert moved[0] > 0.1
    assert float(moved[1]) == pytest.approx(0.01, rel=1e-3)


def test_metrics_are_finite_and_hold_no_graph() -> None:
    _, metrics = update(learner(), unroll())
    for name, value in metrics.items():
        assert np.isfinite(float(value)), name
        assert not getattr(value, "requires_grad", False), name


@pytest.mark.parametrize("coefficient", [0.0, 1.0])
def test_a_learner_goes_on_from_its_state(coefficient: float) -> None:
    config = ALDConfig(**CONFIG, reward_prediction_coef=coefficient)
    one = Learner(gtrxl(), config, torch.device("cpu"))
    other = Learner(gtrxl(seed=5), config, torch.device("cpu"))
    update(one, unroll())
    other.load_state_dict(copy.deepcopy(one.state_dict()))
    for made in (one, other):
        update(made, unroll(seed=4))
    assert differences(one.state_dict(), other.state_dict()) == []


def test_an_evaluation_moves_nothing_that_acts_and_outlives_the_update() -> None:
    made, plain = learner(), learner()
    attached, loss, _ = made.evaluate(unroll())
    assert furthest(made.network, plain.network) == furthest(made.target, plain.target) == 0.0
    assert made.updates == 0
    before = copy.deepcopy(attached.to_tree())
    made.apply(loss)
    assert made.updates == 1 and furthest(made.network, plain.network) > 1e-3
    assert differences(attached.to_tree(), before) == []


@pytest.mark.parametrize("replayed", [False, True])
def test_a_loss_that_is_not_finite_is_no_step(replayed: bool) -> None:
    made = learner()
    data = made.evaluate(unroll()).unroll if replayed else unroll()
    before = copy.deepcopy(made.network)
    broken = data._replace(reward=torch.full_like(data.reward, torch.inf))
    with pytest.raises(LossNotFinite, match="loss/value is ") as caught:
        made.evaluate(broken)
    assert caught.value.unroll is not None and caught.value.unroll.learner is not None
    assert made.updates == 0 and furthest(made.network, before) == 0.0
