"""The losses of PPO that sb3-contrib minimises and logs, without the operations that padding needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from agents.baselines.recurrent_ppo.buffer import FlatSamples
from agents.learning.networks.memory_head import MemoryLoss


class Losses(NamedTuple):
    """Losses and statistics of a minibatch; scalars."""

    policy: Tensor
    value: Tensor
    entropy: Tensor
    approx_kl: Tensor
    """KL divergence from the policy of the rollout, estimated by the mean of r - 1 - log r (Schulman)."""
    clip_fraction: Tensor
    memory: Tensor
    """Of the prediction of memory targets; 0 without them."""
    memory_metrics: dict[str, Tensor]
    """How well they are predicted, by the name to log it under; NaN where nothing was to be predicted."""

    def detached(self) -> Losses:
        """Return them without gradient."""
        losses: dict[str, Any] = {
            name: loss.detach() for name, loss in self._asdict().items() if isinstance(loss, Tensor)
        }
        return self._replace(**losses)

    @classmethod
    def means(cls, history: Sequence[Losses]) -> Losses:
        """Return the means over minibatches."""
        *losses, metrics = zip(*history, strict=True)
        told = {name: torch.stack([each[name] for each in metrics]).nanmean() for name in metrics[0]}
        means: list[Any] = [*(torch.stack(each).mean() for each in losses), told]
        return cls(*means)


@dataclass(frozen=True)
class Objective:
    """The clipped objective of PPO.

    Attributes:
        clip_range: Largest difference from 1 at which the ratio of policies is clipped.
        clip_range_vf: Largest change of a value from that of the rollout; unlimited when None.
        normalize_advantage: Whether advantages are standardised in each minibatch.
        ent_coef: Weight of the entropy bonus.
        vf_coef: Weight of the value loss.
        memory_target_coef: Weight of the prediction of memory targets.
    """

    clip_range: float
    clip_range_vf: float | None
    normalize_advantage: bool
    ent_coef: float
    vf_coef: float
    memory_target_coef: float = 0.0

    def losses(
        self,
        samples: FlatSamples,
        values: Tensor,
        log_prob: Tensor,
        entropy: Tensor | None,
        memory: MemoryLoss | None = None,
    ) -> Losses:
        """Return the parts of the loss on N steps.

        Args:
            samples: The minibatch.
            values: [N] of the present critic.
            log_prob: [N] of the actions taken.
            entropy: [N], or None for distributions that have none in closed form.
            memory: What `MemoryHead.loss` returns; None without memory targets.
        """
        memory_loss, told = memory or MemoryLoss(values.new_zeros(()), {})
        log_ratio = log_prob - samples.old_log_prob
        ratio = log_ratio.exp()
        return Losses(
            policy=self._policy_loss(samples.advantages, ratio),
            value=(samples.returns - self._clipped(values, samples.old_values)).square().mean(),
            entropy=log_prob.mean() if entropy is None else -entropy.mean(),
            approx_kl=(ratio.detach() - 1 - log_ratio.detach()).mean(),
            clip_fraction=((ratio.detach() - 1).abs() > self.clip_range).float().mean(),
            memory=memory_loss,
            memory_metrics=told,
        )

    def total(self, losses: Losses) -> Tensor:
        """Return the loss to minimise."""
        usual = losses.policy + self.ent_coef * losses.entropy + self.vf_coef * losses.value
        return usual + self.memory_target_coef * losses.memory if self.memory_target_coef else usual

    def _policy_loss(self, advantages: Tensor, ratio: Tensor) -> Tensor:
        if self.normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        clipped = ratio.clamp(1 - self.clip_range, 1 + self.clip_range)
        return -torch.min(advantages * ratio, advantages * clipped).mean()

    def _clipped(self, values: Tensor, old_values: Tensor) -> Tensor:
        if self.clip_range_vf is None:
            return values
        return old_values + (values - old_values).clamp(-self.clip_range_vf, self.clip_range_vf)


def clip_gradients(parameters: Sequence[Tensor], max_norm: float) -> None:
    """Scale the gradients down to a total norm of `max_norm`, if they are longer.

    `torch.nn.utils.clip_grad_norm_` multiplies by 1 where they are not.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
    scale = max_norm / (float(norm) + 1e-6)
    if scale < 1:
        torch._foreach_mul_(gradients, scale)
