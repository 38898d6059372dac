"""What agents have in common whose actor is a small LSTM that somebody else teaches."""

from __future__ import annotations

from typing import ClassVar

import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy

from agents.ald.policy import CnnLSTMActorPolicy, LSTMActorPolicy
from agents.sb3.algorithm import UnrollAlgorithm


class TaughtActorAlgorithm(UnrollAlgorithm):
    """An `UnrollAlgorithm` whose policy is an `LSTMActorPolicy` with an optimizer of its own.

    Its settings have `actor_core`, `actor_hidden_size` and `actor_learning_rate`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {
        "LstmPolicy": LSTMActorPolicy,
        "MlpLstmPolicy": LSTMActorPolicy,
        "CnnLstmPolicy": CnnLSTMActorPolicy,
        "MultiInputLstmPolicy": LSTMActorPolicy,
    }
    step_size: ClassVar[str] = "actor_learning_rate"
    policy: LSTMActorPolicy

    def _acting_policy(self, seen: spaces.Space, device: torch.device) -> LSTMActorPolicy:
        """A new acting policy for what it is shown."""
        policy_class = _checked_policy(self.policy_class)
        own = {"lstm_hidden_size": "actor_hidden_size", "core": "actor_core"}
        policy_kwargs = self._policy_arguments(policy_class, own)
        if "optimizer_class" not in policy_kwargs:  # SB3's Adam, all parameters in one go
            fused = {"eps": 1e-5, "fused": True}
            policy_kwargs["optimizer_kwargs"] = fused | (policy_kwargs.get("optimizer_kwargs") or {})
        return policy_class(seen, self.action_space, self.lr_schedule, **policy_kwargs).to(device)


def _checked_policy(policy_class: type[BasePolicy]) -> type[LSTMActorPolicy]:
    if not issubclass(policy_class, LSTMActorPolicy):
        raise ValueError(f"policy must be a subclass of LSTMActorPolicy, got {policy_class.__name__}")
    return policy_class
