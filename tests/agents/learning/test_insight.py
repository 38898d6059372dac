"""Values that know more than the policy: against the slow learner, and what they must not reach."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from agents.learning.config import ALDConfig
from agents.learning.learner import Learner
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.networks.parts import Insight
from agents.learning.unroll import Unroll
from tests.support.learners import CONFIG, INPUT, gtrxl, unroll
from tests.support.slow_learner import Slow, warmed

pytestmark = pytest.mark.usefixtures("one_thread")

HIDDEN = INPUT - 1
"""The column of the observations that the network does not see."""


class Blind(nn.Module):
    """Passes on all but the hidden column."""

    def forward(self, observation: Tensor) -> Tensor:
        shown = observation.clone()
        shown[..., HIDDEN] = 0.0
        return shown


class Sees(nn.Module):
    """Passes on the hidden column alone."""

    def forward(self, observation: Tensor) -> Tensor:
        return observation[..., HIDDEN:]


def blind(seed: int) -> ActorCritic:
    network = gtrxl(seed=seed)
    network.encoder = Blind()
    return network


def insight() -> Insight:
    torch.manual_seed(8)
    made = Insight(Sees(), 1 + 8, 6).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, std=0.4)
    return made


def knowing(**settings: float) -> Learner:
    """A learner whose values see the hidden column, with plain gradient descent of step 1."""
    config = ALDConfig(**{**CONFIG, **settings})
    made = Learner(blind(0), config, torch.device("cpu"), insight=insight())
    made.target.load_state_dict(blind(1).state_dict())
    parameters = [*made.network.parameters(), *made.insight.parameters()]  # type: ignore[union-attr]
    made.optimizer = torch.optim.SGD(parameters, lr=1.0)  # type: ignore[assignment]
    made.core_state = warmed(made.network)
    return made


class SlowKnowing(Slow):
    """The slow learner, its values those of the insight."""

    def __init__(self, fast: Learner) -> None:
        super().__init__(fast, warmed(fast.network))
        self.insight = insight()

    def _run(self, network: ActorCritic, window: Tensor, *where: object) -> Outputs:
        said = super()._run(network, window, *where)  # type: ignore[arg-type]
        if network is self.target:
            return said
        features = self.insight(window.unsqueeze(1), said.core.unsqueeze(1))
        return said._replace(value=self.insight.value_head(features).flatten())


def test_targets_and_advantages_are_made_of_what_the_values_know() -> None:
    fast, data = knowing(), unroll()
    judged, own = SlowKnowing(fast), Slow(fast, warmed(fast.network))
    attached, _, metrics = fast.evaluate(data)
    _, insight_value, _, trace = judged.outputs(data)
    _, value, _, _ = own.outputs(data)
    assert attached.learner is not None
    torch.testing.assert_close(attached.learner.advantage, trace["advantage"])
    torch.testing.assert_close(attached.learner.value, value)  # which the actor is taught
    losses = {"loss/privileged_value": insight_value, "loss/value": value}
    for name, said in losses.items():
        torch.testing.assert_close(metrics[name], (0.5 * (trace["target"] - said) ** 2).mean().detach())


def test_the_gradient_of_the_insight_goes_no_further() -> None:
    fast = knowing()
    _, loss, _ = fast.evaluate(unroll())
    loss.backward()
    slow = SlowKnowing(fast)
    _, value, _, trace = slow.outputs(unroll())
    own = CONFIG["value_coef"] * (0.5 * (trace["target"] - value) ** 2).mean()
    assert fast.insight is not None
    expected = torch.autograd.grad(own, list(slow.insight.parameters()))
    for parameter, gradient in zip(fast.insight.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)
        assert gradient.abs().max() > 1e-6
    without = knowing(value_coef=0.0)
    with_values = {name: each.grad for name, each in fast.network.named_parameters()}
    _, loss, _ = without.evaluate(unroll())
    _, plain_value, _, _ = (plain := Slow(without, warmed(without.network))).outputs(unroll())
    loss.backward()
    mine = CONFIG["value_coef"] * (0.5 * (trace["target"] - plain_value) ** 2).mean()
    added = torch.autograd.grad(mine, list(plain.network.parameters()), allow_unused=True)
    for (name, parameter), more in zip(without.network.named_parameters(), added, strict=True):
        rest = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.testing.assert_close(with_values[name], rest if more is None else rest + more)


def test_what_is_hidden_changes_advantages_and_nothing_that_acts() -> None:
    seen, moved = unroll(), unroll()
    assert isinstance(moved.observation, Tensor) and isinstance(moved.final_observation, Tensor)
    moved.observation[..., HIDDEN] += 1.0
    moved.final_observation[..., HIDDEN] -= 1.0
    learners = knowing(), knowing()
    said = [made.evaluate(data).unroll.learner for made, data in zip(learners, (seen, moved), strict=True)]
    left, right = said
    assert left is not None and right is not None
    assert torch.equal(left.policy, right.policy) and torch.equal(left.value, right.value)
    states = zip(learners[0].core_state or (), learners[1].core_state or (), strict=True)
    assert all(torch.equal(mine, theirs) for mine, theirs in states)
    assert (left.advantage != right.advantage).float().mean() > 0.9


def test_the_last_observation_of_a_truncated_episode_is_judged_with_what_is_hidden_of_it() -> None:
    data, moved = unroll(), unroll()
    assert isinstance(moved.final_observation, Tensor)
    moved.final_observation[..., HIDDEN] += 1.0
    left, right = (advantages(each) for each in (data, moved))
    assert (left != right).any(dim=0).tolist() == [False, True, False, True]


def advantages(data: Unroll) -> Tensor:
    learner = knowing().evaluate(data).unroll.learner
    assert learner is not None
    return learner.advantage


def test_both_heads_mean_the_same_when_the_moments_move() -> None:
    made, data = knowing(popart_step_size=0.3), unroll()
    made.popart.updates.fill_(1000)
    assert made.insight is not None
    heads = (made.network.value_head, made.insight.value_head)
    features = torch.randn(5, 8, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    made.popart.mean.fill_(0.3)
    made.popart.mean_square.fill_(1.0)

    def values() -> list[Tensor]:
        pairs = zip(heads, features, strict=True)
        return [made.popart.denormalize(head(each)).detach() for head, each in pairs]

    before, sigma = values(), made.popart.sigma.clone()
    made.evaluate(data._replace(reward=5.0 * data.reward))
    assert not torch.isclose(made.popart.sigma, sigma)
    for mine, theirs in zip(values(), before, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_the_state_holds_the_insight() -> None:
    made, other = knowing(), knowing()
    made.apply(made.evaluate(unroll()).loss)
    assert made.insight is not None and other.insight is not None
    other.load_state_dict(made.state_dict())
    for mine, theirs in zip(made.insight.parameters(), other.insight.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    fresh = insight()
    assert any(
        not torch.equal(mine, each)
        for mine, each in zip(made.insight.parameters(), fresh.parameters(), strict=True)
    )
