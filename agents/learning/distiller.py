"""The distiller: makes the actor say what the learner said, on what the actor saw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from agents.learning.config import ALDConfig
from agents.learning.finite import check_finite
from agents.learning.health import feature_health
from agents.learning.losses import distillation
from agents.learning.losses.decorrelation import decorrelation
from agents.learning.losses.vtrace import policy_gradient_loss
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.memory_head import Seen
from agents.learning.unroll import LearnerOutputs, Unroll, map_observation


class Distiller:
    """Trains the actor's network on unrolls that carry the learner's outputs; it never runs the learner.

    Args:
        network: The actor's network, whose value head outputs normalised values, as the learner's.
        optimizer: Of that network's parameters.
        config: Settings.
    """

    def __init__(self, network: ActorCritic, optimizer: torch.optim.Optimizer, config: ALDConfig) -> None:
        self.network, self.optimizer, self.config = network, optimizer, config

    def update(self, unroll: Unroll, with_health: bool = True) -> dict[str, Any]:
        """One step of gradient on one unroll; returns the diagnostics.

        Args:
            unroll: What the actor saw, and what the learner said of it.
            with_health: Say how much the actor's features still tell, too; of many steps, of the last.

        Raises:
            LossNotFinite: A loss is NaN or infinite; no step was taken.
        """
        self.network.train()
        loss, metrics, features = self._loss(unroll)
        check_finite(metrics, unroll)
        if with_health:
            metrics |= {f"actor/{name}": value for name, value in feature_health(features).items()}
        self.optimizer.zero_grad()
        loss.backward()
        if self.config.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        return metrics

    def _loss(self, unroll: Unroll) -> tuple[Tensor, dict[str, Any], Tensor]:
        config, learner = self.config, unroll.learner
        if learner is None:
            raise ValueError(
                "Distiller.update: the unroll carries no learner outputs; pass it through the learner first"
            )
        window = map_observation(lambda x: x[:-1], unroll.observation)
        actor, _ = self.network(window, unroll.actor_state, unroll.is_first[:-1], carry=0)
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
        if self.network.memory_head is not None:
            self.network.memory_head.observe(unroll.memory_label)
            seen, share = Seen.of(unroll, actor.inputs, distribution), config.memory_distillation
            memory, told = self.network.memory_head.loss(
                actor.core, unroll.memory_label, seen, learner.memory if share else None, share
            )
            loss = loss + config.memory_target_coef * memory
            metrics["distillation/memory_target"] = memory.detach()
            metrics |= {f"actor/{name}": value for name, value in told.items()}
        return loss, metrics, actor.features

    def _policy_gradient(self, policy: Tensor, unroll: Unroll, learner: LearnerOutputs) -> Tensor:
        """[] the actor's own loss, by the learner's advantages; it acted by a slightly older policy."""
        log_prob = self.network.distribution.log_prob
        taken, acted = log_prob(policy, unroll.action), log_prob(unroll.behaviour_policy, unroll.action)
        ratio = (taken.detach() - acted).clamp_max(0.0).exp()
        return policy_gradient_loss(taken, learner.advantage, ratio).mean()

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
