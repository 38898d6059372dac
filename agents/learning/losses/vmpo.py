"""V-MPO's four losses (Song et al. 2020, arXiv 1909.12238, sections 4.1 and 4.2; Algorithm 1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class PolicyLoss(NamedTuple):
    """The weighted maximum likelihood step of V-MPO and its temperature's dual."""

    policy: Tensor
    """[N] per-sample loss: they are to be *summed*, since the weights already sum to one."""
    temperature: Tensor
    """[] L_eta, gradient to eta only."""
    weight: Tensor
    """[N] psi: zero outside the top half, sums to one."""
    effective_samples: Tensor
    """[] 1 / sum(psi^2) over the number of selected samples: 1 when all weigh the same."""


class TrustRegionLoss(NamedTuple):
    """The KL constraint of V-MPO with its Lagrange multiplier."""

    penalty: Tensor
    """[N] sg(alpha) KL, gradient to the policy only."""
    multiplier: Tensor
    """[N] alpha (eps_alpha - sg KL), gradient to alpha only."""
    kl: Tensor
    """[N] KL(target || online)."""


def top_half(advantage: Tensor) -> Tensor:
    """[N] bool: the better half of the samples, the middle one included when their number is odd.

    Ties are broken by position, so that exactly half is taken even when all advantages are equal.
    """
    order = advantage.argsort(descending=True, stable=True)
    chosen = torch.zeros_like(advantage, dtype=torch.bool)
    chosen[order[: (len(advantage) + 1) // 2]] = True
    return chosen


def policy_loss(
    log_prob: Tensor,
    advantage: Tensor,
    eta: Tensor,
    eps_eta: float,
    importance: Tensor | None = None,
) -> PolicyLoss:
    """L_pi = -sum_{top half} psi log pi(a|s), L_eta = eta eps_eta + eta log mean_{top half} exp(A / eta).

    Args:
        log_prob: [N] log pi(a|s) of the online policy, with gradient.
        advantage: [N]; no gradient is taken through it.
        eta: [] temperature, > 0, with gradient.
        eps_eta: Bound on the KL between psi and the data, > 0.
        importance: [N] weights in [0, 1] that multiply exp(A / eta) in both losses, or None. Song et al. are
            on-policy and have none; with an actor that is not the learner, clipped rho is the natural choice.
            The mean behind the temperature is then the weighted one, so that equal advantages still mean no
            divergence.

    Raises:
        ValueError: There is no sample, or the shapes differ.
    """
    weights = {} if importance is None else {"importance": importance}
    _check_flat(log_prob=log_prob, advantage=advantage, **weights)
    chosen = top_half(advantage)
    scaled = advantage.detach()[chosen] / eta
    log_base = torch.zeros_like(scaled) if importance is None else importance[chosen].clamp_min(1e-8).log()
    # E-step: psi, the target distribution over samples. M-step: maximum likelihood weighted by it.
    psi = torch.softmax((scaled + log_base).detach(), dim=0)
    weight = torch.zeros_like(log_prob).masked_scatter(chosen, psi)
    log_mean = torch.logsumexp(scaled + log_base, dim=0) - torch.logsumexp(log_base, dim=0)
    return PolicyLoss(
        policy=-weight * log_prob,
        temperature=eta * eps_eta + eta * log_mean,
        weight=weight,
        effective_samples=1.0 / (psi.square().sum() * psi.numel()),
    )


def trust_region_loss(kl: Tensor, alpha: Tensor, eps_alpha: float) -> TrustRegionLoss:
    """L_alpha = alpha (eps_alpha - sg KL) + sg(alpha) KL with KL = KL(pi_target || pi), or a part of it.

    A Gaussian's mean and spread have trust regions of their own, each with its multiplier and its bound: the
    spread may only shrink or grow slowly, while the mean moves on (Song et al. 2020, section 4.1, after
    Abdolmaleki et al. 2018, arXiv 1812.02256). Choices have one.

    Args:
        kl: [N] divergence of the online policy from the frozen one, with gradient to the former.
        alpha: [] Lagrange multiplier, > 0, with gradient.
        eps_alpha: Bound on the KL, > 0.

    The average runs over *all* samples, not the top half: that is the caller's part.
    """
    return TrustRegionLoss(penalty=alpha.detach() * kl, multiplier=alpha * (eps_alpha - kl.detach()), kl=kl)


def _check_flat(**arguments: Tensor) -> None:
    shapes = {name: tuple(x.shape) for name, x in arguments.items()}
    if len(set(shapes.values())) != 1 or any(len(shape) != 1 or not shape[0] for shape in shapes.values()):
        raise ValueError(f"expected arguments of one shape [N] with N of at least 1, got {shapes}")
