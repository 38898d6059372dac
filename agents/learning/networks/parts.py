"""Encoders of some parts of a Dict observation, so that networks can be shown different ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from agents.learning.unroll import Observation, map_observation


class PartsEncoder(nn.Module):
    """Features of some parts of a Dict observation; nothing else of it is looked at.

    Args:
        encoder: Of those parts, a dict; or where there is but one, and `alone`, of that.
        names: Of the parts.
        alone: Whether the encoder takes the only part by itself.
    """

    def __init__(self, encoder: nn.Module, names: Sequence[str], alone: bool = False) -> None:
        super().__init__()
        self.encoder, self.names, self.alone = encoder, tuple(names), alone

    def forward(self, observation: Observation) -> Tensor:
        """[N, ...] -> [N, F]."""
        features: Tensor = self.encoder(self._chosen(observation))
        return features

    def observe(self, observation: Observation) -> None:
        """Let an encoder that keeps statistics see its parts of observations [N, ...]."""
        observe(self.encoder, self._chosen(observation))

    def _chosen(self, observation: Observation) -> Observation:
        if self.alone:  # which is what an environment shows that has no other parts
            return observation[self.names[0]] if isinstance(observation, dict) else observation
        assert isinstance(observation, dict)
        return {name: observation[name] for name in self.names}


class JoinedEncoder(nn.Module):
    """The features of several encoders of the same observations, side by side.

    Args:
        encoders: Observations [N, ...] -> features [N, F] each.
    """

    def __init__(self, *encoders: nn.Module) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)

    def forward(self, observation: Observation) -> Tensor:
        """[N, ...] -> [N, sum of F]."""
        return torch.cat([encoder(observation) for encoder in self.encoders], dim=-1)

    def observe(self, observation: Observation) -> None:
        """Let all that keep statistics see observations [N, ...]."""
        for encoder in self.encoders:
            observe(encoder, observation)


class Insight(nn.Module):
    """Values of what is remembered and of privileged parts of observations: V(h, s).

    Unbiased, where V(s) is not: what is worth finding out depends on what is known (Baisero & Amato 2021,
    arXiv 2105.11674). What is remembered is only read: no gradient goes back into it, so that knowing the
    state does not spare anyone the remembering.

    Args:
        encoder: Observations [N, ...] -> features [N, F] of their privileged parts.
        inputs: F + D.
        hidden: Width H of the two layers in front of the head.
    """

    def __init__(self, encoder: nn.Module, inputs: int, hidden: int) -> None:
        super().__init__()
        self.encoder, self.value_head = encoder, nn.Linear(hidden, 1)
        self.layers = nn.Sequential(
            nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        nn.init.orthogonal_(self.value_head.weight, 0.01)
        nn.init.zeros_(self.value_head.bias)

    def forward(self, observation: Observation, core: Tensor) -> Tensor:
        """Observations [T, B, ...] and what a core says of them [T, B, D] -> [T, B, H], for the head."""
        seen = self.encoder(map_observation(lambda x: x.flatten(0, 1), observation))
        inputs = torch.cat([seen.unflatten(0, core.shape[:2]), core.detach()], dim=-1)
        features: Tensor = self.layers(inputs)
        return features

    def observe(self, observation: Observation) -> None:
        """Let an encoder that keeps statistics of its observations [T, B, ...] see some."""
        observe(self.encoder, map_observation(lambda x: x.flatten(0, 1), observation))


def observe(encoder: nn.Module, observation: Observation) -> None:
    """Let an encoder that keeps statistics of its observations [N, ...] see some; others ignore it."""
    keep = getattr(encoder, "observe", None)
    if keep is not None:
        keep(observation)
