"""A learner and an actor whose actions are numbers: against a slow version, and one teaching the other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from agents.learning.config import ALDConfig
from agents.learning.distiller import Distiller
from agents.learning.distributions.gaussian import DiagonalGaussian, GaussianHead
from agents.learning.learner import Learner
from agents.learning.losses import vmpo
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.lstm import LSTMCore
from agents.learning.unroll import LearnerOutputs, Unroll
from tests.support import oracles
from tests.support.learners import CONFIG, GAMMA, INPUT, LANES, STEPS, unroll, update
from tests.support.oracles import TERMINATED

pytestmark = pytest.mark.usefixtures("one_thread")
NUMBERS = 2
FAMILY = DiagonalGaussian(np.full(NUMBERS, -1.0), np.full(NUMBERS, 1.0))


def network(seed: int = 0, hidden: int = 6) -> ActorCritic:
    """In double precision, every parameter random."""
    torch.manual_seed(seed)
    head = GaussianHead(nn.Linear(hidden, NUMBERS), nn.Parameter(torch.zeros(NUMBERS)))
    core = LSTMCore(nn.LSTM(INPUT, hidden))
    made = ActorCritic(nn.Identity(), core, head, nn.Linear(hidden, 1), distribution=FAMILY).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.4)
    return made


def data(seed: int = 2) -> Unroll:
    """Each lane one episode, which ends with the unroll or goes on."""
    ending = np.zeros((STEPS, LANES), dtype=np.int64)
    ending[-1, ::2] = TERMINATED
    made = unroll(ending, seed)
    made.is_first[0] = True
    return made._replace(
        action=torch.randn(STEPS, LANES, NUMBERS, dtype=torch.float64),
        behaviour_policy=0.5 * torch.randn(STEPS, LANES, 2 * NUMBERS, dtype=torch.float64),
    )


def normal(parameters: Tensor) -> Independent:
    mean, log_std = parameters[..., :NUMBERS], parameters[..., NUMBERS:]
    return Independent(Normal(mean, log_std.exp()), 1)


def learner(**settings: Any) -> Learner:
    made = Learner(network(), ALDConfig(**{**CONFIG, **settings}), torch.device("cpu"))
    made.target.load_state_dict(network(seed=1).state_dict())
    made.optimizer = torch.optim.SGD(made.network.parameters(), lr=1.0)  # type: ignore[assignment]
    return made


def slow_loss(made: ActorCritic, target: ActorCritic, steps: Unroll, config: ALDConfig) -> Tensor:
    """All but what eta and the multipliers alone learn from, one lane at a time, by torch's distributions."""
    says, _ = made(steps.observation, made.initial_state(LANES), steps.is_first)
    with torch.no_grad():
        said, _ = target(steps.observation, target.initial_state(LANES), steps.is_first)
    pi, old, mu = normal(says.policy[:-1]), normal(said.policy[:-1]), normal(steps.behaviour_policy)
    evaluated = old if config.rl_loss == "vmpo" else pi
    ratios = (evaluated.log_prob(steps.action) - mu.log_prob(steps.action)).detach().exp()
    targets, advantages = (torch.empty(STEPS, LANES, dtype=torch.float64) for _ in range(2))
    for lane in range(LANES):
        values = says.value[:, lane].detach().numpy().copy()
        values[-1] *= float(not steps.terminated[-1, lane])
        rewards, ratio = steps.reward[:, lane].numpy(), ratios[:, lane].numpy()
        for column, k, decay in ((targets, 0, config.value_trace_decay), (advantages, 1, 1.0)):
            found = oracles.vtrace_episode(rewards, values, ratio, GAMMA, trace_decay=decay)
            column[:, lane] = torch.tensor(found[k])
    log_prob = pi.log_prob(steps.action)
    if config.rl_loss == "vmpo":
        eta = torch.tensor(config.eta_init)
        policy = vmpo.policy_loss(log_prob.flatten(), advantages.flatten(), eta, config.eps_eta).policy.sum()
        spread, mean = pi.base_dist.stddev, pi.base_dist.mean
        only_mean = Independent(Normal(mean, old.base_dist.stddev), 1)
        only_spread = Independent(Normal(old.base_dist.mean, spread), 1)
        for moved in (only_mean, only_spread):
            policy = policy + config.alpha_init * kl_divergence(old, moved).mean()
    else:
        policy = -(ratios.clamp_max(1.0) * advantages * log_prob).mean()
    pull = config.policy_coef * config.learner_regularisation
    return (
        policy
        + config.value_coef * (0.5 * (targets - says.value[:-1]) ** 2).mean()
        + pull * kl_divergence(mu, pi).mean()
        - config.entropy_coef * pi.entropy().mean()
    )


@pytest.mark.parametrize("rl_loss", ["vmpo", "vtrace"])
def test_an_update_is_that_of_a_slow_learner(rl_loss: str) -> None:
    fast, steps = learner(rl_loss=rl_loss), data()
    slow = network()
    gradients = torch.autograd.grad(slow_loss(slow, fast.target, steps, fast.config), [*slow.parameters()])  # type: ignore
    update(fast, steps)
    for mine, before, gradient in zip(fast.network.parameters(), slow.parameters(), gradients, strict=True):
        torch.testing.assert_close(mine, before - gradient, rtol=1e-6, atol=1e-8)
        assert gradient.abs().max() > 1e-6


def test_mean_and_spread_have_multipliers_of_their_own() -> None:
    # Of one mean the bound is wide, of the spread tight: one multiplier falls, the other rises.
    made = learner(eps_alpha=1e3, eps_alpha_spread=1e-6)
    assert made.multipliers().keys() == {"eta", "alpha", "alpha_spread"}
    before = {name: float(value) for name, value in made.multipliers().items()}
    _, metrics = update(made, data())
    assert made.multipliers()["alpha"] < before["alpha"]
    assert made.multipliers()["alpha_spread"] > before["alpha_spread"]
    assert metrics["vmpo/kl_over_eps_alpha"] < 1 < metrics["vmpo/kl_spread_over_eps_alpha_spread"]
    twin = learner()
    twin.load_state_dict(made.state_dict())
    assert twin.multipliers() == made.multipliers()


def test_a_tight_bound_holds_the_spread_and_not_the_mean() -> None:
    def moved(bound: float) -> tuple[float, float]:
        made = learner(eps_alpha=10.0, eps_alpha_spread=bound, alpha_init=50.0, dual_learning_rate=1.0)
        made.target.load_state_dict(made.network.state_dict())
        made.optimizer = torch.optim.SGD(made.network.parameters(), lr=0.01)  # type: ignore[assignment]
        for _ in range(60):
            made.core_state = None
            _, metrics = update(made, data())
        return float(metrics["vmpo/kl"]), float(metrics["vmpo/kl_spread"])

    (mean, spread), (further, wide) = moved(1e-4), moved(10.0)
    assert spread < 0.1 * wide
    assert mean > 0.5 * further


@pytest.mark.parametrize("direction", ["actor_learner", "learner_actor"])
def test_distillation_drives_the_actor_to_the_learners_means_and_spreads(direction: Any) -> None:
    student, steps = network(seed=3, hidden=4), data()
    student.float()
    teacher = torch.cat([torch.full((STEPS, LANES, 2), 0.7), torch.full((STEPS, LANES, 2), -1.2)], dim=-1)
    value = torch.zeros(STEPS, LANES)
    steps = steps._replace(
        observation=steps.observation.float(),  # type: ignore[union-attr]
        actor_state=student.initial_state(LANES),
        learner=LearnerOutputs(teacher, value, advantage=value),
    )
    config = ALDConfig(distillation_direction=direction)
    made = Distiller(student, torch.optim.Adam(student.parameters(), lr=0.03), config)
    first = made.update(steps)
    for _ in range(400):
        last = made.update(steps)
    assert first["distillation/kl"] > 0.3
    assert last["distillation/kl"] < 1e-3
    assert float(last["actor/spread"]) == pytest.approx(math.exp(-1.2), rel=0.02)
    assert float(last["actor/entropy"]) == pytest.approx(float(FAMILY.entropy(teacher[0, 0])), abs=0.03)
