"""The distiller follows the two losses of the paper, and needs nothing but the unroll."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.finite import LossNotFinite
from agents.learning.losses.decorrelation import decorrelation
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import LearnerOutputs, Unroll
from tests.support.learners import ACTIONS, INPUT, LANES, STEPS, furthest, pairs, unroll
from tests.support.tiny import differences

pytestmark = pytest.mark.usefixtures("one_thread")


def student() -> ActorCritic:
    torch.manual_seed(6)
    return ActorCritic(
        nn.Identity(), LSTMCore(nn.LSTM(INPUT, 4)), nn.Linear(4, ACTIONS), nn.Linear(4, 1)
    ).double()


def taught() -> Unroll:
    """An unroll with outputs of a learner that is not there."""
    data = unroll()
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(STEPS, LANES, ACTIONS, generator=generator, dtype=torch.float64)
    value = torch.randn(STEPS, LANES, generator=generator, dtype=torch.float64)
    zeros = torch.zeros(LANES, 4, dtype=torch.float64)
    learner_outputs = LearnerOutputs(logits, value, advantage=value)
    return data._replace(actor_state=(zeros, zeros), learner=learner_outputs)


def distiller(**settings: Any) -> Distiller:
    network = student()
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    return Distiller(network, optimizer, ALDConfig(max_grad_norm=None, **settings))


def test_a_distillation_step_follows_the_two_losses() -> None:
    made, data = distiller(policy_coef=0.5, distilled_value_coef=2.0), taught()
    assert data.learner is not None
    network = student()
    outputs, _ = network(data.observation, data.actor_state, data.is_first)
    actor = outputs.policy[:-1].log_softmax(-1)
    kl = (actor.exp() * (actor - data.learner.policy.log_softmax(-1))).sum(-1).mean()
    gap = (0.5 * (data.learner.value - outputs.value[:-1]) ** 2).mean()
    (0.5 * kl + 2.0 * gap).backward()
    metrics = made.update(data)
    assert float(metrics["distillation/kl"]) == pytest.approx(kl.item())
    assert float(metrics["distillation/value_gap"]) == pytest.approx(gap.item())
    for mine, theirs in pairs(made.network, network):
        assert theirs.grad is not None
        torch.testing.assert_close(mine, theirs - theirs.grad)


def test_the_actors_features_are_kept_from_saying_the_same() -> None:
    settings = {"policy_coef": 0.0, "learner_regularisation": 0.0, "distilled_value_coef": 0.0}
    made, data = distiller(decorrelation_coef=2.0, **settings), taught()
    network = student()
    outputs, _ = network(data.observation, data.actor_state, data.is_first)
    alike = decorrelation(outputs.features[:-1])
    (2.0 * alike).backward()
    assert float(made.update(data)["distillation/decorrelation"]) == pytest.approx(alike.item())
    for mine, theirs in pairs(made.network, network):
        moved = theirs if theirs.grad is None else theirs - theirs.grad
        torch.testing.assert_close(mine, moved)


def test_the_actors_own_loss_is_the_policy_gradient_of_the_learners_advantages() -> None:
    settings = {"policy_coef": 0.0, "learner_regularisation": 0.0, "distilled_value_coef": 0.0}
    made, data = distiller(actor_rl_coef=0.25, **settings), taught()
    assert data.learner is not None
    network, total, clipped = student(), torch.zeros((), dtype=torch.float64), 0
    outputs, _ = network(data.observation, data.actor_state, data.is_first)
    for step in range(STEPS):
        for lane in range(LANES):
            action = data.action[step, lane]
            log_pi = outputs.policy[step, lane].log_softmax(-1)[action]
            log_mu = data.behaviour_policy[step, lane].log_softmax(-1)[action]
            ratio = min(1.0, float((log_pi - log_mu).detach().exp()))
            clipped += ratio == 1.0
            total = total - ratio * data.learner.advantage[step, lane] * log_pi / (STEPS * LANES)
    assert 0 < clipped < STEPS * LANES
    (0.25 * total).backward()
    assert float(made.update(data)["distillation/policy_gradient"]) == pytest.approx(total.item())
    for mine, theirs in pairs(made.network, network):
        gradient = torch.zeros_like(theirs) if theirs.grad is None else theirs.grad
        torch.testing.assert_close(mine, theirs - gradient)


def test_distillation_makes_the_actor_say_what_the_learner_said() -> None:
    network, data = student(), taught()
    made = Distiller(network, torch.optim.Adam(network.parameters(), lr=0.02), ALDConfig())
    gaps = [made.update(data) for _ in range(300)]
    assert gaps[-1]["distillation/kl"] < 0.3 * gaps[0]["distillation/kl"]
    assert gaps[-1]["distillation/value_gap"] < 0.5 * gaps[0]["distillation/value_gap"]


def test_the_learner_is_neither_asked_nor_changed() -> None:
    data = taught()
    before = copy.deepcopy(data.to_tree())
    made = distiller()
    made.update(data)  # there is no learner to ask
    assert differences(before, data.to_tree()) == []
    assert furthest(made.network, student()) > 1e-3


def test_an_unroll_without_outputs_is_refused() -> None:
    with pytest.raises(ValueError, match="pass it through the learner first"):
        distiller().update(unroll())


def test_a_loss_that_is_not_finite_is_no_step() -> None:
    made, data = distiller(), taught()
    assert data.learner is not None
    broken = data._replace(learner=data.learner._replace(value=data.learner.value + torch.nan))
    with pytest.raises(LossNotFinite, match="distillation/value_gap is nan") as caught:
        made.update(broken)
    assert caught.value.unroll is broken
    assert furthest(made.network, student()) == 0.0
