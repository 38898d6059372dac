"""The losses that tie actor and learner, and student and teacher.

The first two are of Parisotto & Salakhutdinov 2021 (arXiv 2104.01655, section 4); policy regression is of
Parisotto, Ba & Salakhutdinov 2015 (arXiv 1511.06342, section 3.1).
"""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from torch import Tensor

from agents.learning.distributions.base import ActionDistribution

Direction: TypeAlias = Literal["actor_learner", "learner_actor"]


def policy_distillation(
    distribution: ActionDistribution,
    actor: Tensor,
    learner: Tensor,
    direction: Direction = "actor_learner",
) -> Tensor:
    """KL(pi_A || pi_L) per element, with gradient to whichever of the two carries one.

    Args:
        distribution: Of the actions.
        actor: [..., P] its parameters, of the actor's policy.
        learner: [..., P] of the learner's.
        direction: "actor_learner" is the paper's KL(pi_A || pi_L); "learner_actor" its reverse, for ablation.

    Returns:
        [...] nats. (One copy of the paper prints the sum with the opposite sign; that is a slip.)
    """
    if direction not in get_args(Direction):
        raise ValueError(f"direction must be one of {get_args(Direction)}, got {direction!r}")
    if direction == "learner_actor":
        actor, learner = learner, actor
    return distribution.kl(actor, learner)


def value_distillation(actor_value: Tensor, learner_value: Tensor) -> Tensor:
    """1/2 (V_L - V_A)^2 per element, gradient to the actor only.

    Deviation: both values are normalised by PopArt's moments. In units of the return the actor's head would
    have to climb to values far from 0 by itself, at the expense of what its policy reads.
    """
    if actor_value.shape != learner_value.shape:
        shapes = " and ".join(str(tuple(value.shape)) for value in (actor_value, learner_value))
        raise ValueError(f"actor_value and learner_value must have one shape, got {shapes}")
    return 0.5 * (learner_value.detach() - actor_value).square()


def policy_regression(student: Tensor, teacher: Tensor) -> Tensor:
    """-sum_a pi_E(a) log pi_S(a) per element, gradient to the student only.

    Args:
        student: [..., A] logits.
        teacher: [..., A] logits; -inf for what the teacher never does.

    Returns:
        [...] nats: the divergence KL(pi_E || pi_S) and the teacher's entropy, which no student can change.
    """
    if student.shape != teacher.shape:
        shapes = " and ".join(str(tuple(each.shape)) for each in (student, teacher))
        raise ValueError(f"student and teacher must have one shape, got {shapes}")
    return -(teacher.detach().softmax(dim=-1) * student.log_softmax(dim=-1)).sum(dim=-1)
