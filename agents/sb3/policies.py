"""The networks behind SB3's policy interface, and SB3's observation handling in front of the networks."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.preprocessing import is_image_space, preprocess_obs
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    NatureCNN,
)
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic, Core
from agents.learning.networks.gtrxl import GTrXLCore
from agents.learning.networks.lstm import LSTMCore
from agents.learning.networks.normalizer import RunningNormalizer
from agents.learning.networks.previous_step import PreviousStepEncoder
from agents.learning.unroll import Observation


class Encoder(nn.Module):
    """SB3's way from an observation to features: cast, scale images, one-hot discrete parts, extract.

    Args:
        observation_space: Box or Dict.
        extractor: Turns preprocessed observations into [N, F].
        normalize_images: Scale uint8 images to [0, 1], as in SB3.
        normalizer: Standardises the features, or None.
    """

    def __init__(
        self,
        observation_space: spaces.Space,
        extractor: BaseFeaturesExtractor,
        normalize_images: bool = True,
        normalizer: RunningNormalizer | None = None,
    ) -> None:
        super().__init__()
        self.observation_space, self.normalize_images = observation_space, normalize_images
        self.extractor, self.normalizer = extractor, normalizer

    def forward(self, observation: Observation) -> Tensor:
        """[N, ...] -> [N, F]."""
        features = self._extract(observation)
        return features if self.normalizer is None else self.normalizer(features)

    def observe(self, observation: Observation) -> None:
        """Take observations [N, ...] into the normaliser's moments, if there is one."""
        if self.normalizer is not None:
            self.normalizer.observe(self._extract(observation))

    def _extract(self, observation: Observation) -> Tensor:
        return self.extractor(preprocess_obs(observation, self.observation_space, self.normalize_images))


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


def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
    """SB3's own choices: a CNN for images (inside Dict spaces too), flattening for the rest."""
    if isinstance(observation_space, spaces.Dict):
        return CombinedExtractor
    return NatureCNN if is_image_space(observation_space) else FlattenExtractor


def gtrxl_actor_critic(
    observation_space: spaces.Space,
    extractor: BaseFeaturesExtractor,
    num_actions: int,
    *,
    layers: int,
    width: int,
    heads: int,
    mlp_width: int,
    memory: int,
    gate_bias: float,
    normalize_images: bool = True,
    shows_previous_step: bool = False,
) -> ActorCritic:
    """A GTrXL with linear heads; see `linear_actor_critic`.

    With `shows_previous_step`, its inputs are those of `agents.learning.networks.previous_step`.
    """
    features = extractor.features_dim + (num_actions + 1 if shows_previous_step else 0)
    core = GTrXLCore(features, width, layers, heads, mlp_width, memory, gate_bias)
    network = linear_actor_critic(observation_space, extractor, num_actions, core, normalize_images)
    if shows_previous_step:
        has_parts = isinstance(observation_space, spaces.Dict)
        network.encoder = PreviousStepEncoder(network.encoder, num_actions, has_parts)
    return network


def linear_actor_critic(
    observation_space: spaces.Space,
    extractor: BaseFeaturesExtractor,
    num_actions: int,
    core: Core,
    normalize_images: bool = True,
) -> ActorCritic:
    """A core with linear heads; its first policy is close to uniform, its first values are close to 0."""
    width = core.output_size
    policy_head, value_head = nn.Linear(width, num_actions), nn.Linear(width, 1)
    for head in (policy_head, value_head):
        nn.init.orthogonal_(head.weight, 0.01)
        nn.init.zeros_(head.bias)
    # Features that are learnt set their own scale; plain ones are standardised.
    plain = not any(True for _ in extractor.parameters())
    normalizer = RunningNormalizer(extractor.features_dim) if plain else None
    encoder = Encoder(observation_space, extractor, normalize_images, normalizer)
    return ActorCritic(encoder, core, policy_head, value_head)
