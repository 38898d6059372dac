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
from agents.learning.losses import vmpo
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.unroll import CoreState, Unroll, select_lanes
from tests.support import oracles
from tests.support.learners import (
    CONFIG,
    ENDING,
    GAMMA,
    INPUT,
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
from tests.support.oracles import TERMINATED, TRUNCATED
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")


def warmed(network: ActorCritic) -> CoreState:
    """The memory of episodes in progress."""
    torch.manual_seed(3)
    inputs = torch.randn(9, LANES, INPUT, dtype=torch.float64)
    state = network.initial_state(LANES)
    with torch.no_grad():
        return network(inputs, state, torch.zeros(9, LANES, dtype=torch.bool))[1]


# --- The slow version -----------------------------------------------------------------------------


class Slow:
    """What the learner should compute, one piece of an episode after another.

    Every piece is a window of its own for the network: from the state before the unroll if it began earlier,
    from empty memory if it did not. What follows a truncation is valued by one more step in that window.
    """

    def __init__(self, fast: Learner, state: CoreState) -> None:
        self.network, self.target = copy.deepcopy(fast.network), fast.target
        self.config, self.state = fast.config, state

    def loss(self, data: Unroll) -> Tensor:
        """All but what eta and alpha alone learn from."""
        config, (logits, value, target_logits, trace) = self.config, self.outputs(data)
        log_prob, advantage = picked(logits, data.action).flatten(), trace["advantage"].flatten()
        eta = torch.tensor(config.eta_init)
        policy = vmpo.policy_loss(log_prob, advantage, eta, config.eps_eta).policy
        log_pi, pull = logits.log_softmax(-1), config.policy_coef * config.learner_regularisation
        return (
            policy.sum()
            + config.alpha_init * divergence(target_logits, logits).mean()
            + config.value_coef * (0.5 * (trace["target"] - value) ** 2).mean()
            + pull * divergence(data.behaviour_logits, logits).mean()
            + config.entropy_coef * (log_pi.exp() * log_pi).sum(-1).mean()
        )

    def outputs(self, data: Unroll) -> tuple[Tensor, Tensor, Tensor, dict[str, Tensor]]:
        """[T, B, ...] logits, values, the target's logits, and targets and advantages by V-trace."""
        steps, lanes = data.action.shape
        rows: list[list[Any]] = [[None] * lanes for _ in range(steps)]
        for lane in range(lanes):
            for first, last, how in oracles.pieces(endings(data, lane)):
                piece = self._piece(data, lane, first, last, how)
                for t in range(first, last):
                    rows[t][lane] = [part[t - first] for part in piece]
        logits, value, target_logits, target, advantage = (
            torch.stack([torch.stack([cell[k] for cell in row]) for row in rows]) for k in range(5)
        )
        return logits, value, target_logits, {"target": target, "advantage": advantage}

    def _piece(self, data: Unroll, lane: int, first: int, last: int, how: int) -> tuple[Tensor, ...]:
        assert isinstance(data.observation, Tensor)
        window = data.observation[first:last, lane]
        outputs = self._run(self.network, window, data, lane, first)
        with torch.no_grad():
            target_logits = self._run(self.target, window, data, lane, first).logits
            beyond = self._beyond(data, lane, first, last, how)
        action, mu = data.action[first:last, lane], data.behaviour_logits[first:last, lane]
        values = np.append(outputs.value.detach().numpy(), beyond)
        ratios = (picked(target_logits, action) - picked(mu, action)).exp().numpy()
        rewards = data.reward[first:last, lane].numpy()
        of_value, of_policy = (
            torch.tensor(oracles.vtrace_episode(rewards, values, ratios, GAMMA, trace_decay=decay))
            for decay in (self.config.value_trace_decay, self.config.policy_trace_decay)
        )
        return outputs.logits, outputs.value, target_logits, of_value[0], of_policy[1]

    def _beyond(self, data: Unroll, lane: int, first: int, last: int, how: int) -> float:
        """The value of what followed the last step of a piece, in that episode."""
        if how == TERMINATED or (how == TRUNCATED and self.config.timeout_is_terminal):
            return 0.0
        assert isinstance(data.observation, Tensor) and isinstance(data.final_observation, Tensor)
        if how == TRUNCATED:
            [k] = ((data.final_time == last - 1) & (data.final_lane == lane)).nonzero()
            following = data.final_observation[k]
        else:
            following = data.observation[last:, lane]
        window = torch.cat([data.observation[first:last, lane], following])
        return float(self._run(self.network, window, data, lane, first).value[-1])

    def _run(self, network: ActorCritic, window: Tensor, data: Unroll, lane: int, first: int) -> Outputs:
        inside = first == 0 and not bool(data.is_first[0, lane])
        state = select_lanes(self.state, torch.tensor([lane])) if inside else network.initial_state(1)
        outputs, _ = network(window.unsqueeze(1), state, torch.zeros(len(window), 1, dtype=torch.bool))
        return Outputs(*(part.squeeze(1) for part in outputs))


def endings(data: Unroll, lane: int) -> list[int]:
    return (TERMINATED * data.terminated[:, lane] + TRUNCATED * data.truncated[:, lane].int()).tolist()


def picked(logits: Tensor, action: Tensor) -> Tensor:
    return logits.log_softmax(-1).gather(-1, action.unsqueeze(-1)).squeeze(-1)


def divergence(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    """KL(p || q)."""
    p, q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


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
        for name in ("advantage", "value", "logits"):
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
    logits = torch.cat([each.learner.logits for each in attached if each.learner])
    torch.testing.assert_close(logits, outputs.logits[:-1])
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
    torch.testing.assert_close(attached.learner.logits, outputs.logits[:-1])
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
