"""V-trace: off-policy corrected value targets (Espeholt et al. 2018, arXiv 1802.01561, section 4.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class VTrace(NamedTuple):
    """Targets and advantages, all [T, B] and without gradient."""

    target: Tensor
    """v_t, the regression target of the value at t."""
    advantage: Tensor
    """q_t - V(x_t) with q_t = r_t + gamma_t v_{t+1}."""
    clipped_rho: Tensor
    """min(rho_bar, pi / mu)."""


@torch.no_grad()
def vtrace(
    log_rho: Tensor,
    discount: Tensor,
    reward: Tensor,
    value: Tensor,
    next_value: Tensor,
    done: Tensor,
    *,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
    trace_decay: float = 1.0,
) -> VTrace:
    """V-trace over unrolls in which episodes may end anywhere.

    Args:
        log_rho: [T, B] log pi(a_t | x_t) - log mu(a_t | x_t).
        discount: [T, B] gamma where the return goes on beyond step t, 0 where it terminated.
        reward: [T, B].
        value: [T, B] V(x_t).
        next_value: [T, B] value of the observation that step t led to *within its own episode*: V(x_{t+1}),
            at a truncation the value of the episode's last observation, at the unroll's end the bootstrap.
        done: [T, B] bool, the episode ended at t, so the trace is cut behind it.
        rho_bar: Clip of the importance weight in the temporal difference.
        c_bar: Clip of the weight that carries the trace.
        trace_decay: lambda, multiplies c (IMPALA, remark 2); 1 is the paper's.

    Returns:
        Targets, advantages, and clipped rho. At a cut, v_{t+1} is `next_value`.

    Deviation: the source writes one infinite episode; `next_value` and `done` make the two kinds of ending
    explicit, so that a truncated episode bootstraps from its own last observation and never from its
    successor's first.
    """
    shapes = {x.shape for x in (log_rho, discount, reward, value, next_value, done)}
    if len(shapes) != 1 or value.dim() != 2:
        raise ValueError(
            f"vtrace: all arguments must share one shape [T, B], got {sorted(map(tuple, shapes))}"
        )
    rho = clipped_ratio(log_rho, rho_bar)
    carry = trace_decay * clipped_ratio(log_rho, c_bar) * discount * ~done
    delta = rho * (reward + discount * next_value - value)
    corrections = []
    running = torch.zeros_like(delta[0])
    for delta_t, carry_t in zip(reversed(delta.unbind()), reversed(carry.unbind()), strict=True):
        running = torch.addcmul(delta_t, carry_t, running)
        corrections.append(running)
    target = value + torch.stack(corrections[::-1])
    following = torch.where(done, next_value, torch.cat([target[1:], next_value[-1:]]))
    return VTrace(target, reward + discount * following - value, rho)


def policy_gradient_loss(log_prob: Tensor, advantage: Tensor, clipped_rho: Tensor) -> Tensor:
    """IMPALA's policy gradient (section 4.2 of the source), as a loss.

    Args:
        log_prob: [T, B] log pi(a_t | x_t), with gradient.
        advantage: [T, B] r_t + gamma_t v_{t+1} - V(x_t), in whatever unit.
        clipped_rho: [T, B] min(rho_bar, pi / mu).

    Returns:
        [T, B] losses, whose gradient is -rho_t * advantage_t * grad log pi(a_t | x_t).
    """
    if not log_prob.shape == advantage.shape == clipped_rho.shape:
        shapes = [tuple(x.shape) for x in (log_prob, advantage, clipped_rho)]
        raise ValueError(f"policy_gradient_loss: all arguments must share one shape, got {shapes}")
    return -(clipped_rho * advantage).detach() * log_prob


def clipped_ratio(log_rho: Tensor, bar: float) -> Tensor:
    """Return min(bar, rho), clipped in log space: exp never overflows."""
    return torch.exp(log_rho.clamp(max=float(torch.log(torch.tensor(bar, dtype=torch.float64)))))
