"""Actor-critics for any observation space of SB3: preprocessing and features in front of a core."""

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
    """SB3's preprocessing and features extractor: cast, scale images, one-hot discrete parts, extract.

    Args:
        observation_space: Box or Dict.
        extractor: Turns preprocessed observations into [N, F].
        normalize_images: Scale uint8 images to [0, 1], as in SB3.
        normalizer: Standardises the features; None leaves them as they are.
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
        """Update the moments of the normalizer, if there is one, with observations [N, ...]."""
        if self.normalizer is not None:
            self.normalizer.observe(self._extract(observation))

    def _extract(self, observation: Observation) -> Tensor:
        return self.extractor(preprocess_obs(observation, self.observation_space, self.normalize_images))


def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
    """Return SB3's choice: a CNN for images, also inside Dict spaces, and flattening for the rest."""
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
    """Return a core with linear heads, initialised to a policy close to uniform and values close to 0."""
    width = core.output_size
    policy_head, value_head = nn.Linear(width, num_actions), nn.Linear(width, 1)
    for head in (policy_head, value_head):
        nn.init.orthogonal_(head.weight, 0.01)
        nn.init.zeros_(head.bias)
    # Extractors without parameters, such as flattening, leave features in the scale of the observations.
    plain = not any(True for _ in extractor.parameters())
    normalizer = RunningNormalizer(extractor.features_dim) if plain else None
    encoder = Encoder(observation_space, extractor, normalize_images, normalizer)
    return ActorCritic(encoder, core, policy_head, value_head)


def lanes_of(observation: PyTorchObs) -> int:
    """Return N of an observation [N, ...], or of a dict of them."""
    return len(next(iter(observation.values())) if isinstance(observation, dict) else observation)
