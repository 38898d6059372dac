"""The two losses that tie actor and learner (Parisotto & Salakhutdinov 2021, arXiv 2104.01655, section 4)."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

Direction: TypeAlias = Literal["actor_learner", "learner_actor"]


def policy_distillation(
    actor_logits: Tensor, learner_logits: Tensor, direction: Direction = "actor_learner"
) -> Tensor:
    """KL(pi_A || pi_L) per element, with gradient to whichever of the two carries one.

    Args:
        actor_logits: [..., A].
        learner_logits: [..., A].
        direction: "actor_learner" is the paper's KL(pi_A || pi_L); "learner_actor" its reverse, for ablation.

    Returns:
        [...] nats. (One copy of the paper prints the sum with the opposite sign; that is a slip.)
    """
    if direction not in get_args(Direction):
        raise ValueError(f"direction must be one of {get_args(Direction)}, got {direction!r}")
    _check_same("actor_logits", actor_logits, "learner_logits", learner_logits)
    log_actor = torch.log_softmax(actor_logits, dim=-1)
    log_learner = torch.log_softmax(learner_logits, dim=-1)
    if direction == "learner_actor":
        log_actor, log_learner = log_learner, log_actor
    return (log_actor.exp() * (log_actor - log_learner)).sum(-1)


def value_distillation(actor_value: Tensor, learner_value: Tensor) -> Tensor:
    """1/2 (V_L - V_A)^2 per element, gradient to the actor only.

    Deviation: both values are normalised by PopArt's moments. In units of the return the actor's head would
    have to climb to values far from 0 by itself, at the expense of what its policy reads.
    """
    _check_same("actor_value", actor_value, "learner_value", learner_value)
    return 0.5 * (learner_value.detach() - actor_value).square()


def entropy(logits: Tensor) -> Tensor:
    """Entropy in nats of categorical distributions, [..., A] -> [...]."""
    log_prob = torch.log_softmax(logits, dim=-1)
    return -(log_prob.exp() * log_prob).sum(-1)


def _check_same(name: str, x: Tensor, other_name: str, other: Tensor) -> None:
    if x.shape != other.shape:
        raise ValueError(
            f"{name} and {other_name} must have one shape, got {tuple(x.shape)} and {tuple(other.shape)}"
        )
