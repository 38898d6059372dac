"""SB3's observation handling in front of the networks, and a policy and a value behind them."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space, preprocess_obs
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    NatureCNN,
)
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor, nn

from agents.learning.networks.actor_critic import ActorCritic, Core
from agents.learning.networks.normalizer import RunningNormalizer
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


def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
    """SB3's own choices: a CNN for images (inside Dict spaces too), flattening for the rest."""
    if isinstance(observation_space, spaces.Dict):
        return CombinedExtractor
    return NatureCNN if is_image_space(observation_space) else FlattenExtractor


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


def lanes_of(observation: PyTorchObs) -> int:
    """Return the number of lanes N of an observation [N, ...], or of one whose parts are [N, ...]."""
    return len(next(iter(observation.values())) if isinstance(observation, dict) else observation)
