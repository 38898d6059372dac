"""The distiller: makes the actor say what the learner said, on what the actor saw."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.learning.config import ALDConfig
from agents.learning.losses import distillation
from agents.learning.losses.decorrelation import decorrelation
from agents.learning.losses.vtrace import policy_gradient_loss
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.trainer import UnrollTrainer
from agents.learning.unroll import LearnerOutputs, Unroll


class Distiller(UnrollTrainer):
    """Trains the actor's network on unrolls that carry the learner's outputs; it never runs the learner.

    Args:
        network: The actor's network, whose value head outputs normalised values, as the learner's.
        optimizer: Of that network's parameters.
        config: Settings.
    """

    def __init__(self, network: ActorCritic, optimizer: torch.optim.Optimizer, config: ALDConfig) -> None:
        super().__init__(network, optimizer, config.max_grad_norm)
        self.config = config

    def _loss(self, unroll: Unroll) -> tuple[Tensor, dict[str, Any], Tensor]:
        config, learner = self.config, unroll.learner
        if learner is None:
            raise ValueError(
                "Distiller.update: the unroll carries no learner outputs; pass it through the learner first"
            )
        actor = self._outputs(unroll)
        distribution, direction = self.network.distribution, config.distillation_direction
        kl = distillation.policy_distillation(distribution, actor.policy, learner.policy, direction)
        gap = distillation.value_distillation(actor.value, learner.value)
        loss = config.policy_coef * kl.mean() + config.distilled_value_coef * gap.mean()
        metrics = {
            "distillation/kl": kl.detach().mean(),
            "distillation/value_gap": gap.detach().mean(),
            "actor/entropy": distribution.entropy(actor.policy.detach()).mean(),
        }
        told = distribution.diagnostics(actor.policy)
        metrics |= {f"actor/{name}": value for name, value in told.items()}
        if config.decorrelation_coef > 0.0:
            alike = decorrelation(actor.features)
            loss = loss + config.decorrelation_coef * alike
            metrics["distillation/decorrelation"] = alike.detach()
        if config.actor_rl_coef > 0.0:
            own = self._policy_gradient(actor.policy, unroll, learner)
            loss = loss + config.actor_rl_coef * own
            metrics["distillation/policy_gradient"] = own.detach()
        share = config.memory_distillation
        memory, told = self._memory_loss(unroll, actor, learner.memory if share else None, share)
        return loss + config.memory_target_coef * memory, metrics | told, actor.features

    def _policy_gradient(self, policy: Tensor, unroll: Unroll, learner: LearnerOutputs) -> Tensor:
        """[] the actor's own loss, by the learner's advantages; it acted by a slightly older policy."""
        log_prob = self.network.distribution.log_prob
        taken, acted = log_prob(policy, unroll.action), log_prob(unroll.behaviour_policy, unroll.action)
        ratio = (taken.detach() - acted).clamp_max(0.0).exp()
        return policy_gradient_loss(taken, learner.advantage, ratio).mean()
