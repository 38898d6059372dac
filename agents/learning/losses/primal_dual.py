"""Primal-dual pi learning: policy and value as the two players of Bellman's linear program.

Source: Cho & Wang 2017, arXiv 1712.02467, of which the abstract is public: policy and value follow the
gradients of one Lagrangian, relaxed so that states are sampled instead of weighed by a distribution of their
own, with a penalty on the advantage; the policy's step is then the policy gradient, the value's another one
than that of temporal differences. The form of it here is this project's choice.

The values V that solve a decision problem are the smallest for which no action has an advantage: minimise
the mean of V over first states, subject to A(x, a) = r + gamma V(x') - V(x) <= 0. The multipliers of these
constraints are how often each action is taken, so that the Lagrangian of sampled steps is the mean of

    start_t V(x_t) + rho_t A_t,    V minimises, pi maximises,

with rho_t = pi / mu for steps that another policy has taken. Choices, where the source is silent:

- The penalty on V is half the squared advantage: it is 0 for what optimal play does, and holds values in
  place where the rest, linear in them, does not. Its gradient leaves out V(x'), or in a random environment
  the spread of V(x') would be punished (Baird 1995) and the optimum would not be the fixed point. What is
  minimised is then one-step temporal differences plus the linear part.
- Steps weigh alike, however late in their episode, as in most policy gradients; `first_states` says of which
  first states that is the discounted distribution. The optimum does not depend on these.
- rho_t is clipped as in V-trace.
"""

from __future__ import annotations

import torch
from torch import Tensor

from agents.learning.losses.vtrace import VTrace, clipped_ratio


@torch.no_grad()
def one_step(
    log_rho: Tensor,
    discount: Tensor,
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    *,
    rho_bar: float = 1.0,
) -> VTrace:
    """Return targets and advantages that look one step ahead.

    Args:
        log_rho: [T, B] log pi(a_t | x_t) - log mu(a_t | x_t).
        discount: [T, B] gamma where the return goes on beyond step t, 0 where it terminated.
        reward: [T, B].
        value: [T, B] V(x_t).
        next_value: [T, B] value of the observation that step t led to within its own episode.
        rho_bar: Clip of the importance weight.
    """
    target = reward + discount * next_value
    return VTrace(target, target - value, clipped_ratio(log_rho, rho_bar))


def first_states(is_first: Tensor, gamma: float) -> Tensor:
    """Return how far each sampled state counts as a first one: [T, B] start_t.

    A distribution of states that a policy keeps to is its discounted one from these first states: all that
    begin an episode, and 1 - gamma of all others.

    Args:
        is_first: [T, B] bool, x_t begins an episode.
        gamma: Discount.
    """
    return torch.where(is_first, 1.0, 1.0 - gamma)


def value_loss(
    value: Tensor,
    next_value: Tensor,
    target: Tensor,
    start: Tensor,
    discount: Tensor,
    clipped_rho: Tensor,
    penalty: float,
) -> Tensor:
    """The Lagrangian with its penalty, as a loss of the values, which may be in any unit.

    Without the penalty its mean does not depend on the values where steps are distributed as the policy's own
    discounted ones from the first states.

    Args:
        value: [T, B] V(x_t), with gradient.
        next_value: [T, B] V(x_{t+1}), with gradient.
        target: [T, B] r_t + gamma_t V(x_{t+1}).
        start: [T, B] how far x_t counts as a first state.
        discount: [T, B] gamma where step t + 1 of the same episode is at t + 1, else 0.
        clipped_rho: [T, B] min(rho_bar, pi / mu).
        penalty: Weight of half the squared advantage.

    Returns:
        [T, B] losses.
    """
    arguments = (value, next_value, target, start, discount, clipped_rho)
    if len({each.shape for each in arguments}) != 1:
        shapes = [tuple(each.shape) for each in arguments]
        raise ValueError(f"value_loss: all arguments must share one shape, got {shapes}")
    linear = start * value + clipped_rho * (discount * next_value - value)
    return linear + 0.5 * penalty * clipped_rho * (target.detach() - value).square()
