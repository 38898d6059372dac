"""Inputs of a network that is shown what it did last, and what that brought, beside what it sees."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agents.learning.networks.parts import observe
from agents.learning.unroll import Observation

# The names of the parts; an observation that has no parts of its own gets the first.
_OBSERVATION, _ACTION, _REWARD = "observation", "previous_action", "previous_reward"


def with_previous_step(
    observation: Observation, action: Tensor, reward: Tensor, is_first: Tensor
) -> dict[str, Tensor]:
    """Put the step before beside each observation, unless an episode begins with it.

    Args:
        observation: [T, B, ...], or without the dimension of time, as all that follows.
        action: [T, B, F] features of that of the step before each.
        reward: [T, B], of the step before each.
        is_first: [T, B] bool.

    Raises:
        ValueError: The observation has parts of the names that are used here.
    """
    parts = observation if isinstance(observation, dict) else {_OBSERVATION: observation}
    if taken := {_ACTION, _REWARD} & set(parts):
        raise ValueError(f"observations must not have parts named {', '.join(sorted(taken))}")
    return parts | {
        _ACTION: action.masked_fill(is_first.unsqueeze(-1), 0),
        _REWARD: reward.masked_fill(is_first, 0.0),
    }


class PreviousStepEncoder(nn.Module):
    """Features of an observation, those of the action before it, and the reward as it is.

    Args:
        encoder: Observations [N, ...] -> features [N, F].
        has_parts: The observations are those of a Dict space.
    """

    def __init__(self, encoder: nn.Module, has_parts: bool) -> None:
        super().__init__()
        self.encoder, self.has_parts = encoder, has_parts

    def forward(self, shown: dict[str, Tensor]) -> Tensor:
        """What `with_previous_step` returns, without time axis -> [N, F + those of actions + 1]."""
        features: Tensor = self.encoder(self._seen(shown))
        before = (shown[_ACTION], shown[_REWARD].unsqueeze(-1))
        return torch.cat([features, *(part.to(features) for part in before)], dim=-1)

    def observe(self, observation: Observation) -> None:
        """Let an encoder that keeps statistics see observations [N, ...], as the environment gives them."""
        observe(self.encoder, observation)

    def _seen(self, shown: dict[str, Tensor]) -> Observation:
        if not self.has_parts:
            return shown[_OBSERVATION]
        return {name: part for name, part in shown.items() if name not in (_ACTION, _REWARD)}
