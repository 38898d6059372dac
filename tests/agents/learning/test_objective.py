"""What the learner minimises beside V-MPO's and V-trace's own terms, and what is trained for it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from agents.learning.config import ALDConfig
from agents.learning.learner import Learner
from agents.learning.losses import distillation
from agents.learning.losses.decorrelation import decorrelation
from agents.learning.objective import SMALLEST_MULTIPLIER
from tests.support import oracles
from tests.support.learners import CONFIG, ENDING, GAMMA, LANES, STEPS, gtrxl, learner, unroll, update

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("settings", [{"eps_eta": 50.0}, {"eps_alpha": 50.0}], ids=["eta", "alpha"])
def test_multipliers_stay_positive_however_hard_they_are_pushed(settings: dict[str, float]) -> None:
    made = learner(dual_learning_rate=0.5, **settings)
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.0)  # type: ignore[assignment]
    for seed in range(6):
        _, metrics = update(made, unroll(seed=seed))
        assert metrics["vmpo/eta"] >= SMALLEST_MULTIPLIER and metrics["vmpo/alpha"] >= SMALLEST_MULTIPLIER
        assert all(value.isfinite().all() for value in made.network.parameters())
    [name] = settings
    smallest = made.multipliers()[name.removeprefix("eps_")]
    assert float(smallest) == pytest.approx(SMALLEST_MULTIPLIER)


def test_alpha_grows_while_the_policy_is_too_far_from_its_target() -> None:
    made = learner(eps_alpha=0.001)  # whose target is another network altogether
    before = float(made.objective.alphas["alpha"].detach())
    _, metrics = update(made, unroll())
    assert metrics["vmpo/kl_over_eps_alpha"] > 1
    assert made.objective.alphas["alpha"] > before


@pytest.mark.parametrize("rl_loss", ["vmpo", "vtrace", "primal_dual"])
def test_the_entropy_where_v_mpo_imitates_is_logged(rl_loss: str) -> None:
    data, made = unroll(), learner(rl_loss=rl_loss)
    _, metrics = update(made, data)
    if rl_loss != "vmpo":
        assert "vmpo/entropy" not in metrics
        return
    outputs, _ = (network := gtrxl())(data.observation, network.initial_state(LANES), data.is_first)
    log_pi = outputs.policy[:-1].log_softmax(-1)
    advantage = update(learner(), data)[0].learner.advantage.flatten().tolist()  # type: ignore[union-attr]
    psi = oracles.vmpo(
        log_pi.gather(-1, data.action.unsqueeze(-1)).flatten().tolist(), advantage, 1.0, made.config.eps_eta
    ).weight
    entropies = (log_pi.exp() * -log_pi).sum(-1).flatten().tolist()
    expected = sum(share * entropy for share, entropy in zip(psi, entropies, strict=True))
    assert float(metrics["vmpo/entropy"]) == pytest.approx(expected)
    assert expected != pytest.approx(sum(entropies) / len(entropies), rel=1e-4)


def test_primal_dual_is_the_lagrangian_of_each_step_and_its_policy_gradient() -> None:
    """Step by step, as the sources' sums are written; what a truncation cuts off is nowhere a first state."""
    made, data, network = learner(rl_loss="primal_dual", advantage_penalty=2.5), unroll(), gtrxl()
    outputs, _ = network(data.observation, network.initial_state(LANES), data.is_first)
    log_pi, says = outputs.policy.log_softmax(-1), network.value_head(outputs.features).squeeze(-1)
    beyond = made.networks.next_value(
        data._replace(learner_state=network.initial_state(LANES)), says.detach()
    )
    policy, value = [], []
    for t, lane in np.ndindex(STEPS, LANES):
        action, over = data.action[t, lane], bool(data.done[t, lane])
        ratio = (log_pi[t, lane, action] - data.behaviour_policy[t, lane].log_softmax(-1)[action]).exp()
        rho = float(ratio.detach().clamp(max=1.0))
        target = data.reward[t, lane] + GAMMA * float(not data.terminated[t, lane]) * beyond[t, lane]
        advantage = float(target - says[t, lane].detach())
        start = 1.0 if data.is_first[t, lane] else 1.0 - GAMMA
        follows = 0.0 if over else GAMMA * says[t + 1, lane]
        linear = start * says[t, lane] + rho * (follows - says[t, lane])
        value.append(linear + 1.25 * rho * (target - says[t, lane]) ** 2)
        policy.append(-rho * advantage * log_pi[t, lane, action])
    _, metrics = update(made, data)
    expected = torch.stack(value).mean(), torch.stack(policy).mean()
    assert float(metrics["loss/value"]) == pytest.approx(float(expected[0].detach()))
    assert float(metrics["loss/policy"]) == pytest.approx(float(expected[1].detach()))
    rest = learner(rl_loss="primal_dual", advantage_penalty=2.5, value_coef=0.0)
    update(rest, data)
    gradients = torch.autograd.grad(1.5 * expected[0], list(network.parameters()), allow_unused=True)
    for mine, without, gradient in zip(
        made.network.parameters(), rest.network.parameters(), gradients, strict=True
    ):
        assert torch.allclose(mine, without if gradient is None else without - gradient, atol=1e-9)


def asking(seed: int = 0) -> Learner:
    """Predicts rewards, with a head that says something."""
    made = learner(reward_prediction_coef=3.0)
    torch.manual_seed(seed)
    for parameter in made.objective.reward_head.parameters():  # type: ignore[union-attr]
        nn.init.normal_(parameter)
    return made


def test_decorrelation_adds_its_gradient_and_nothing_else() -> None:
    data, plain, kept_apart = unroll(), learner(), learner(decorrelation_coef=3.0)
    outputs, _ = (network := gtrxl())(data.observation, network.initial_state(LANES), data.is_first)
    alike = decorrelation(outputs.features[:-1])
    gradients = torch.autograd.grad(3.0 * alike, list(network.parameters()), allow_unused=True)
    _, metrics = update(kept_apart, data)
    update(plain, data)
    assert float(metrics["loss/decorrelation"]) == pytest.approx(float(alike.detach()))
    for mine, theirs, gradient in zip(
        kept_apart.network.parameters(), plain.network.parameters(), gradients, strict=True
    ):
        expected = theirs if gradient is None else theirs - gradient
        assert torch.allclose(mine, expected, atol=1e-9)


def test_predicting_rewards_adds_half_the_squared_error_for_the_action_taken() -> None:
    data, plain, curious = unroll(), learner(), asking()
    features = (network := gtrxl())(data.observation, network.initial_state(LANES), data.is_first)[0].features
    weight, bias = (parameter.detach() for parameter in curious.objective.reward_head.parameters())  # type: ignore
    unit = data.reward.abs().max()
    errors = [
        data.reward[t, lane] / unit - features[t, lane] @ weight[choice] - bias[choice]
        for t in range(STEPS)
        for lane in range(LANES)
        for choice in [data.action[t, lane]]
    ]
    surprise = 0.5 * torch.stack(errors).square().mean()
    _, metrics = update(curious, data)
    update(plain, data)
    assert float(metrics["loss/reward_prediction"]) == pytest.approx(float(surprise.detach()))
    gradients = torch.autograd.grad(3.0 * surprise, list(network.parameters()), allow_unused=True)
    for mine, theirs, gradient in zip(
        curious.network.parameters(), plain.network.parameters(), gradients, strict=True
    ):
        expected = theirs if gradient is None else theirs - gradient
        assert torch.allclose(mine, expected, atol=1e-9)


def test_the_head_of_rewards_learns_beside_the_network() -> None:
    config = ALDConfig(**CONFIG, reward_prediction_coef=1.0, learner_learning_rate=1e-2)
    made = Learner(gtrxl(), config, torch.device("cpu"))
    attached, first = update(made, unroll())
    for _ in range(40):
        _, last = update(made, attached)
    assert float(last["loss/reward_prediction"]) < 0.5 * float(first["loss/reward_prediction"])


def test_nothing_predicts_rewards_by_default() -> None:
    made = learner()
    assert made.objective.reward_head is None
    assert "loss/reward_prediction" not in update(made, unroll())[1]


def test_the_learner_is_pulled_to_the_actor_unless_switched_off() -> None:
    # Rewards of 0 and values of 0 leave the regularisation as the only thing that knows of the actor.
    data = unroll(ENDING * 0)
    gaps = {}
    for weight in (0.0, 1.0):
        made = learner(learner_regularisation=weight, entropy_coef=0.0)
        made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.05)  # type: ignore[assignment]
        for _ in range(20):
            made.core_state = None
            attached, _ = update(made, data)
        assert attached.learner is not None
        kl = distillation.policy_distillation(
            made.network.distribution, data.behaviour_policy, attached.learner.policy
        )
        gaps[weight] = float(kl.mean())
    assert gaps[1.0] < gaps[0.0]
