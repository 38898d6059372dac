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
from agents.sb3.networks import CountedFeatures, Encoder, default_extractor, image_extractor


class LSTMActorPolicy(CountedFeatures, RecurrentActorCriticPolicy):
    """The acting policy: sb3-contrib's recurrent policy, with ALD's defaults.

    Policy and value share one small LSTM, with linear heads directly behind it. There are no further
    parameters, so weights can be exchanged with a `RecurrentPPO("MlpLstmPolicy", env, policy_kwargs=...)` of
    the same settings.

    Deviation: in ALD's distillation the gradient of the value reaches the LSTM; in RecurrentPPO, sb3-contrib
    stops it there.

    Args:
        observation_space: Any that SB3 preprocesses.
        action_space: Discrete.
        lr_schedule: Learning rate as a function of the remaining progress.
        net_arch: Hidden layers between LSTM and heads; none by default.
        lstm_hidden_size: Units.
        shared_lstm: Must be True.
        enable_critic_lstm: Must be False.
        features_extractor_class: SB3's choice for the observation space when None.
        kwargs: Further arguments of sb3-contrib's policy.

    Raises:
        ValueError: Not one LSTM layer that policy and value share.
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
        """Return a plain actor-critic over unrolls [T, B, ...] with the same parameters."""
        return ActorCritic(
            Encoder(self.observation_space, self.features_extractor, self.normalize_images),
            LSTMCore(self.lstm_actor),
            nn.Sequential(self.mlp_extractor.policy_net, self.action_net),
            nn.Sequential(self.mlp_extractor.value_net, self.value_net),
        )

    def _get_constructor_parameters(self) -> dict[str, Any]:
        """As sb3-contrib's, and the LSTM's arguments, without which a saved policy could not be rebuilt."""
        return super()._get_constructor_parameters() | {
            "lstm_hidden_size": self.lstm_output_dim,
            "shared_lstm": self.shared_lstm,
            "enable_critic_lstm": self.enable_critic_lstm,
            "lstm_kwargs": self.lstm_kwargs,
        }


class CnnLSTMActorPolicy(LSTMActorPolicy):
    """The acting policy for images of any type, which those of floating point do not show by themselves.

    Args:
        observation_space: Box of images with their channels first, or Dict.
        action_space: Discrete.
        lr_schedule: Learning rate as a function of the remaining progress.
        features_extractor_class: SB3's CNN when None.
        kwargs: Further arguments of `LSTMActorPolicy`.

    Raises:
        ValueError: The observations are no such images, or smaller than the CNN takes.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        action_space: spaces.Space,
        lr_schedule: Schedule,
        features_extractor_class: type[BaseFeaturesExtractor] | None = None,
        **kwargs: Any,
    ) -> None:
        if features_extractor_class is None:
            features_extractor_class, own = image_extractor(observation_space)
            kwargs["features_extractor_kwargs"] = own | (kwargs.get("features_extractor_kwargs") or {})
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            features_extractor_class=features_extractor_class,
            **kwargs,
        )
