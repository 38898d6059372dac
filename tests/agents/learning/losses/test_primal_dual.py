"""Primal-dual pi learning on decision problems that are small enough to be known exactly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.learning.losses.primal_dual import first_states, one_step, value_loss
from agents.learning.losses.vtrace import policy_gradient_loss

STATES, ACTIONS, GAMMA = 4, 3, 0.8


class Problem(NamedTuple):
    """A random one."""

    moves: np.ndarray
    """[S, A, S] probabilities."""
    reward: np.ndarray
    """[S, A]."""
    first: np.ndarray
    """[S] probabilities."""

    @classmethod
    def drawn(cls, seed: int) -> Problem:
        rng = np.random.default_rng(seed)
        moves = rng.dirichlet(np.full(STATES, 0.5), (STATES, ACTIONS))
        return cls(moves, rng.normal(size=(STATES, ACTIONS)), rng.dirichlet(np.ones(STATES)))

    def visits(self, policy: np.ndarray) -> np.ndarray:
        """[S] the discounted distribution of a policy [S, A], which sums to 1."""
        chain = np.einsum("sa,sat->st", policy, self.moves)
        return (1 - GAMMA) * np.linalg.solve(np.eye(STATES) - GAMMA * chain.T, self.first)

    def optimum(self) -> tuple[np.ndarray, np.ndarray]:
        """[S] values and [S] actions by value iteration."""
        value = np.zeros(STATES)
        for _ in range(1000):
            value = (self.reward + GAMMA * self.moves @ value).max(1)
        return value, (self.reward + GAMMA * self.moves @ value).argmax(1)

    def losses(
        self, value: Tensor, logits: Tensor, visits: np.ndarray, penalty: float, behaviour: np.ndarray
    ) -> tuple[Tensor, Tensor]:
        """Exact means of both losses, over all (state, action, following state) by their probability."""
        state, action, to = np.indices(self.moves.shape).reshape(3, 1, -1)
        weight = torch.as_tensor((visits[:, None, None] * behaviour[:, :, None] * self.moves).reshape(1, -1))
        log_prob = logits.log_softmax(-1)[state, action]
        log_rho = log_prob.detach() - torch.as_tensor(np.log(behaviour))[state, action]
        discount, reward = torch.full_like(weight, GAMMA), torch.as_tensor(self.reward)[state, action]
        seen, following = value[state], value[to]
        steps = one_step(log_rho, discount, reward, seen, following, rho_bar=np.inf)
        start = torch.as_tensor((1 - GAMMA) * self.first / visits)[state]
        judged = value_loss(seen, following, steps.target, start, discount, steps.clipped_rho, penalty)
        chosen = policy_gradient_loss(log_prob, steps.advantage, steps.clipped_rho)
        return (weight * judged).sum(), (weight * chosen).sum()


@pytest.mark.parametrize("seed", range(3))
def test_the_linear_part_vanishes_under_the_policys_own_discounted_distribution(seed: int) -> None:
    problem, rng = Problem.drawn(seed), np.random.default_rng(seed)
    value = torch.as_tensor(rng.normal(size=STATES)).requires_grad_()
    logits = torch.as_tensor(rng.normal(size=(STATES, ACTIONS)))
    policy, other = logits.softmax(-1).numpy(), rng.dirichlet(np.ones(ACTIONS), STATES)
    visits = problem.visits(policy)
    for behaviour in (policy, other):  # whoever acts: the weights rho make it the policy's
        loss, _ = problem.losses(value, logits, visits, 0.0, behaviour)
        (gradient,) = torch.autograd.grad(loss, value)
        assert abs(float(loss.detach())) < 1e-12 and gradient.abs().max() < 1e-12
    loss, _ = problem.losses(value, logits, problem.visits(other), 0.0, policy)
    (gradient,) = torch.autograd.grad(loss, value)
    assert gradient.abs().max() > 1e-3  # the distribution of another policy


@pytest.mark.parametrize("seed", [0, 1])
def test_the_fixed_point_is_the_optimum(seed: int) -> None:
    problem = Problem.drawn(seed)
    value = torch.zeros(STATES, dtype=torch.float64, requires_grad=True)
    logits = torch.zeros(STATES, ACTIONS, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([{"params": [value], "lr": 0.03}, {"params": [logits], "lr": 0.1}])
    for _ in range(1000):
        policy = logits.detach().softmax(-1).numpy()
        optimizer.zero_grad()
        torch.autograd.backward(problem.losses(value, logits, problem.visits(policy), 1.0, policy))
        optimizer.step()
    best, actions = problem.optimum()
    assert (logits.detach().softmax(-1).numpy()[np.arange(STATES), actions] > 0.95).all()
    np.testing.assert_allclose(value.detach().numpy(), best, atol=0.1)


def test_over_whole_episodes_the_linear_part_is_nothing() -> None:
    """Two episodes in one lane, of 3 and 2 steps; the other lane's ends with the unroll."""
    torch.manual_seed(0)
    is_first = torch.tensor([[1, 0, 0, 1, 0], [1, 0, 0, 0, 0]]).bool().T
    done = torch.tensor([[0, 0, 1, 0, 1], [0, 0, 0, 0, 1]]).bool().T
    value, behind = torch.randn(5, 2, dtype=torch.float64), torch.randn(1, 2, dtype=torch.float64)
    start, flow = first_states(is_first, GAMMA), GAMMA * (~done).double()
    assert start[:, 0].tolist() == pytest.approx([1, 0.2, 0.2, 1, 0.2])
    loss = value_loss(value, torch.cat([value[1:], behind]), value, start, flow, torch.ones(5, 2), 1.0)
    assert loss.sum(0).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_one_step_by_hand() -> None:
    def row(*numbers: float) -> Tensor:
        return torch.tensor([numbers])

    log_rho = row(0.5, 2.0).log()
    steps = one_step(log_rho, row(0.5, 0.0), row(1, 2), row(5, 7), row(4, 6), rho_bar=1.5)
    assert [part.tolist() for part in steps] == [[[3, 2]], [[-2, -5]], [pytest.approx([0.5, 1.5])]]
    value, following = row(5.0, 7.0).requires_grad_(), row(4.0, 6.0).requires_grad_()
    target = steps.target.requires_grad_()
    loss = value_loss(value, following, target, row(1, 0.5), row(0.5, 0), row(0.5, 1.5), 2.0)
    # 1 * 5 + .5 (.5 * 4 - 5) + .5 * (3 - 5)^2, and .5 * 7 - 1.5 * 7 + 1.5 * (2 - 7)^2
    assert loss.tolist() == [[5.5, 30.5]]
    loss.sum().backward()
    # 1 - .5 - 2 * .5 * (3 - 5), and .5 - 1.5 - 2 * 1.5 * (2 - 7); of what follows, rho gamma
    assert value.grad.tolist() == [[2.5, 14.0]] and following.grad.tolist() == [[0.25, 0.0]]  # type: ignore
    assert target.grad is None
    with pytest.raises(ValueError, match="must share one shape"):
        value_loss(value, following, steps.target[0], value, value, value, 1.0)
