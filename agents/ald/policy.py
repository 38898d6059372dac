"""The acting policy of ALD: a small LSTM behind SB3's policy interface."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import Schedule
from torch import nn

from agents.learning.networks.actor_critic import ActorCritic
from agents.learning.networks.lstm import LSTMCore
from agents.sb3.networks import Encoder, default_extractor


class LSTMActorPolicy(RecurrentActorCriticPolicy):
    """The acting policy: sb3-contrib's recurrent policy, with ALD's defaults.

    One small LSTM that policy and value share and nothing between it and the heads. It adds no parameter of
    its own, so its weights go into a `RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=...)` of the same
    settings and back.

    Deviation: while ALD distils, the value's gradient reaches the LSTM; under RecurrentPPO, sb3-contrib stops
    it there.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        lstm_hidden_size: int = 32,
        shared_lstm: bool = True,
        enable_critic_lstm: bool = False,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        **kwargs: Any,
    ) -> None:
        needed = {
            "shared_lstm": (shared_lstm, True),
            "enable_critic_lstm": (enable_critic_lstm, False),
            "n_lstm_layers": (kwargs.get("n_lstm_layers", 1), 1),
            "share_features_extractor": (kwargs.get("share_features_extractor", True), True),
        }
        for name, (got, must_be) in needed.items():
            if got != must_be:
                raise ValueError(
                    "LSTMActorPolicy has one LSTM layer that policy and value share: "
                    f"it needs {name}={must_be}, got {name}={got}"
                )
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[] if net_arch is None else net_arch,
            features_extractor_class=features_extractor_class or default_extractor(observation_space),
            lstm_hidden_size=lstm_hidden_size,
            shared_lstm=True,
            enable_critic_lstm=False,
            **kwargs,
        )

    def as_network(self) -> ActorCritic:
        """The same parameters as a plain actor-critic over unrolls [T, B, ...]."""
        return ActorCritic(
            Encoder(self.observation_space, self.features_extractor, self.normalize_images),
            LSTMCore(self.lstm_actor),
            nn.Sequential(self.mlp_extractor.policy_net, self.action_net),
            nn.Sequential(self.mlp_extractor.value_net, self.value_net),
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """As sb3-contrib's, with what it leaves out of the LSTM, so that save and load work for any size."""
        return super()._get_constructor_parameters() | {
            "lstm_hidden_size": self.lstm_output_dim,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "lstm_kwargs": self.lstm_kwargs,
        }
