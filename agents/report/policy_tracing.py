"""What a Stable-Baselines3 policy says of an episode while it is played."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import Distribution
from torch import Tensor

from agents.report.tracing import Trace, along_episode, believed, to_array


class PolicyTracer:
    """Runs a policy along one episode and writes down what it says: the interface of `Tracer`.

    Args:
        policy: With `get_distribution` and `predict_values` as SB3's actor-critic policies have them; actions
            must be Discrete. Is asked only; its parameters are not touched.
    """

    def __init__(self, policy: Any) -> None:
        self.policy = policy
        self._logits: list[Tensor] = []
        self._values: list[Tensor] = []

    @torch.no_grad()
    def step(self, observation: Any, action: int = 0, reward: float = 0.0) -> Tensor:
        """Show the policy the next observation of the episode, as the environment gives it, and nothing else.

        Returns:
            [A] logits.
        """
        batch, _ = self.policy.obs_to_tensor(observation)
        distribution, value = self._ask(batch)
        logits: Tensor = distribution.distribution.logits[0]  # type: ignore[union-attr]
        self._logits.append(logits)
        self._values.append(value.flatten()[0])
        return logits

    def trace(self) -> Trace:
        """Return what was written down."""
        return Trace(
            probabilities=to_array(torch.softmax(torch.stack(self._logits), dim=-1)),
            value=to_array(torch.stack(self._values)),
            hidden=None,
            attention=None,
        )

    def _ask(self, batch: Any) -> tuple[Distribution, Tensor]:
        return self.policy.get_distribution(batch), self.policy.predict_values(batch)


class RecurrentPolicyTracer(PolicyTracer):
    """The same for sb3-contrib's policies, whose memory it keeps and whose acting LSTM it watches."""

    policy: RecurrentActorCriticPolicy

    def __init__(self, policy: RecurrentActorCriticPolicy) -> None:
        super().__init__(policy)
        empty = torch.zeros(policy.lstm_hidden_state_shape, device=policy.device)
        self._states = RNNStates((empty, empty), (empty, empty))
        self._hidden: list[Tensor] = []
        self._memory: list[tuple[Tensor, ...]] = []

    def _ask(self, batch: Any) -> tuple[Distribution, Tensor]:
        starts = torch.tensor([float(not self._hidden)], device=self.policy.device)
        distribution, _ = self.policy.get_distribution(batch, self._states.pi, starts)  # type: ignore[arg-type]
        _, value, _, self._states = self.policy.forward(batch, self._states, starts)
        self._hidden.append(self._states.pi[0][-1, 0])  # of the last layer, in the only lane
        self._memory.append(believed(getattr(self.policy, "memory_net", None), self._hidden[-1]))
        return distribution, value

    def trace(self) -> Trace:
        """Return what was written down."""
        return replace(
            super().trace(), hidden=to_array(torch.stack(self._hidden)), memory=along_episode(self._memory)
        )
