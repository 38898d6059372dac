"""What trains a network that acts on unrolls that others have commented on."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from agents.learning.finite import check_finite
from agents.learning.health import feature_health
from agents.learning.networks.actor_critic import ActorCritic, Outputs
from agents.learning.networks.memory_head import Seen
from agents.learning.unroll import Unroll, map_observation


class UnrollTrainer(abc.ABC):
    """Takes steps of gradient on unrolls, from the memory that the network had when it acted.

    Args:
        network: The actor's network.
        optimizer: Of that network's parameters.
        max_grad_norm: What the gradient's norm is clipped to; not at all when None.
    """

    def __init__(
        self, network: ActorCritic, optimizer: torch.optim.Optimizer, max_grad_norm: float | None
    ) -> None:
        self.network, self.optimizer, self.max_grad_norm = network, optimizer, max_grad_norm

    def update(self, unroll: Unroll, with_health: bool = True) -> dict[str, Any]:
        """One step of gradient on one unroll; returns the diagnostics.

        Args:
            unroll: What the actor saw, and what was said of it.
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
        if self.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_grad_norm)
        self.optimizer.step()
        return metrics

    @abc.abstractmethod
    def _loss(self, unroll: Unroll) -> tuple[Tensor, dict[str, Any], Tensor]:
        """The loss [], diagnostics, and the actor's features [T, B, D]."""

    def _outputs(self, unroll: Unroll) -> Outputs:
        """What the network says of the T steps of an unroll."""
        window = map_observation(lambda x: x[:-1], unroll.observation)
        return self.network(window, unroll.actor_state, unroll.is_first[:-1], carry=0)[0]

    def _memory_loss(
        self, unroll: Unroll, actor: Outputs, by: Tensor | None = None, share: float = 0.0
    ) -> tuple[Tensor | float, dict[str, Any]]:
        """The loss [] of the memory head and its diagnostics; 0 and none without a head.

        Args:
            unroll: Has the labels.
            actor: What the network says of it.
            by: What a head that teaches this one said.
            share: Of the loss that compares with that.
        """
        if self.network.memory_head is None:
            return 0.0, {}
        self.network.memory_head.observe(unroll.memory_label)
        seen = Seen.of(unroll, actor.inputs, self.network.distribution)
        loss, told = self.network.memory_head.loss(actor.core, unroll.memory_label, seen, by, share)
        metrics = {"distillation/memory_target": loss.detach()}
        return loss, metrics | {f"actor/{name}": value for name, value in told.items()}

    def state_dict(self) -> dict[str, Any]:
        """All that the next update depends on."""
        return {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
