"""The student: learns to do what its teachers would have done at each step that it took itself."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from agents.learning.losses.distillation import policy_regression
from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.trainer import UnrollTrainer
from agents.learning.unroll import Unroll
from agents.mimic.config import MimicConfig


class Student(UnrollTrainer):
    """Trains the actor's network by policy regression, on unrolls that carry the teachers' answers.

    Args:
        network: The actor's.
        optimizer: Of that network's parameters.
        config: Settings.
    """

    def __init__(self, network: ActorCritic, optimizer: torch.optim.Optimizer, config: MimicConfig) -> None:
        super().__init__(network, optimizer, config.max_grad_norm)
        self.config = config

    def _loss(self, unroll: Unroll) -> tuple[Tensor, dict[str, Any], Tensor]:
        assert unroll.learner is not None
        actor, teacher = self._outputs(unroll), unroll.learner.policy
        cross_entropy = policy_regression(actor.policy, teacher).mean()
        with torch.no_grad():
            greedy = actor.policy.argmax(dim=-1, keepdim=True)
            agrees = teacher.gather(-1, greedy).squeeze(-1) == teacher.amax(dim=-1)
        metrics = {
            "distillation/cross_entropy": cross_entropy.detach(),
            "distillation/agreement": agrees.float().mean(),
            "distillation/teacher_entropy": torch.special.entr(teacher.exp()).sum(dim=-1).mean(),
            "actor/entropy": self.network.distribution.entropy(actor.policy.detach()).mean(),
        }
        memory, told = self._memory_loss(unroll, actor)
        return cross_entropy + self.config.memory_target_coef * memory, metrics | told, actor.features
