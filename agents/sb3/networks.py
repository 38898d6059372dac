"""Actor-critics for any observation space of SB3: preprocessing and features in front of a core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import (
    is_image_space,
    is_image_space_channels_first,
    preprocess_obs,
)
from stable_baselines3.common.torch_layers import (
    BaseFeaturesExtractor,
    CombinedExtractor,
    FlattenExtractor,
    MlpExtractor,
    NatureCNN,
)
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor, nn

from agents.learning.distributions.base import ActionDistribution
from agents.learning.networks.actor_critic import ActorCritic, Core
from agents.learning.networks.memory_head import MemoryHead
from agents.learning.networks.normalizer import RunningNormalizer
from agents.learning.unroll import Observation
from agents.sb3.checks import accepted_arguments

SMALLEST_IMAGE = 36  # pixels on a side, that the convolutions of SB3's CNN leave something of
MOST_CHANNELS = 4  # of a single picture: a last dimension that short is not a width


class Encoder(nn.Module):
    """SB3's preprocessing and features extractor: cast, scale images, one-hot discrete parts, extract.

    Args:
        observation_space: Any that SB3 preprocesses.
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


class CountedFeatures(BasePolicy):
    """A mixin of policies with an LSTM, which wants a plain number of features.

    SB3 counts those of MultiDiscrete observations with NumPy.
    """

    def make_features_extractor(self) -> BaseFeaturesExtractor:
        """Return a new features extractor; see SB3."""
        extractor = super().make_features_extractor()
        extractor._features_dim = int(extractor._features_dim)
        return extractor


_TAKES: dict[Any, str] = {
    FlattenExtractor: "observations of any space but a Dict",
    NatureCNN: "images of bytes",
    CombinedExtractor: "observations of a Dict space",
}


def default_extractor(observation_space: spaces.Space) -> type[BaseFeaturesExtractor]:
    """Return SB3's choice: a CNN for images, also inside Dict spaces, and flattening for the rest.

    Raises:
        ValueError: An image is smaller than the CNN takes.
    """
    if isinstance(observation_space, spaces.Dict):
        for part in observation_space.values():
            default_extractor(part)
        return CombinedExtractor
    if not is_image_space(observation_space):
        return FlattenExtractor
    shape: Any = observation_space.shape
    channels_first = is_image_space_channels_first(observation_space)  # type: ignore[arg-type]
    _check_image_size(shape[1:] if channels_first else shape[:2])
    return NatureCNN


def _check_image_size(sides: tuple[int, ...]) -> None:
    """Refuse images that are too small for SB3's CNN."""
    if min(sides) < SMALLEST_IMAGE:
        raise ValueError(
            f"SB3's CNN takes images of at least {SMALLEST_IMAGE} x {SMALLEST_IMAGE} pixels, got "
            f"{sides[0]} x {sides[1]}: give policy_kwargs a features_extractor_class of your own"
        )


def check_policy(
    policy: type[Any], aliases: Mapping[str, type[Any]], policy_kwargs: Mapping[str, Any], space: spaces.Space
) -> None:
    """Check that the features extractor of one of SB3's policies is for observations of a space.

    An extractor of the user's is the user's business, and so are images that the user says are no bytes.

    Raises:
        ValueError: It is not; names the policy that is for them. Or an image is too small.
    """
    own = accepted_arguments(policy).get("features_extractor_class")
    if own not in _TAKES or "features_extractor_class" in policy_kwargs:
        return
    if own is FlattenExtractor:
        fits = not isinstance(space, spaces.Dict)
    else:
        says_image = own is NatureCNN and not policy_kwargs.get("normalize_images", True)
        fits = says_image or own is default_extractor(space)
    if fits:
        return
    kinds = {name: accepted_arguments(kind).get("features_extractor_class") for name, kind in aliases.items()}
    name = next((name for name, kind in aliases.items() if kind is policy), policy.__name__)
    others = [name for name, extractor in kinds.items() if extractor is default_extractor(space)]
    hint = f": use {others[0]}" if others else ""
    raise ValueError(f"{name} takes {_TAKES[own]}, got {' '.join(str(space).split())}{hint}")


def image_extractor(space: spaces.Space) -> tuple[type[BaseFeaturesExtractor], dict[str, Any]]:
    """Return SB3's CNN and its arguments for what the user says are images, whatever their type.

    Raises:
        ValueError: They are none, have their channels last, or are smaller than the CNN takes.
    """
    if isinstance(space, spaces.Dict) or is_image_space(space):
        return default_extractor(space), {}
    shape = space.shape or ()
    is_image = isinstance(space, spaces.Box) and len(shape) == 3
    if not is_image or (shape[2] <= MOST_CHANNELS < shape[0]):
        raise ValueError(f"CnnLstmPolicy takes images with their channels first, got {space}")
    _check_image_size(shape[1:])
    return NatureCNN, {"normalized_image": True}


class Layers(NamedTuple):
    """SB3's hidden layers between a core and its heads."""

    net_arch: Sequence[int] | Mapping[str, Sequence[int]]
    """Widths, the same for policy and value; or of the policy by the name "pi", of the value by "vf"."""
    activation_fn: type[nn.Module] = nn.Tanh

    def between(self, width: int) -> MlpExtractor | None:
        """Return the layers behind `width` features; None where there are none."""
        net_arch: Any = self.net_arch
        if isinstance(net_arch, (list, tuple)) and net_arch and isinstance(net_arch[0], Mapping):
            net_arch = net_arch[0]  # as SB3 reads what was written for its releases before 1.8
        parts = net_arch.values() if isinstance(net_arch, Mapping) else [net_arch]
        if not any(parts):
            return None
        return MlpExtractor(width, net_arch, self.activation_fn, device="cpu")


def linear_actor_critic(
    observation_space: spaces.Space,
    extractor: BaseFeaturesExtractor,
    distribution: ActionDistribution,
    core: Core,
    normalize_images: bool = True,
    layers: Layers | None = None,
    memory_sizes: Sequence[Any] = (),
    further_inputs: int = 0,
    log_std_init: float = 0.0,
) -> ActorCritic:
    """Return a core with linear heads, initialised to a policy close to uniform and values close to 0.

    The means of a Gaussian policy are then close to 0.

    Args:
        observation_space: Of the environment.
        extractor: Turns preprocessed observations into [N, F].
        distribution: Of the actions.
        core: Takes the features.
        normalize_images: Scale uint8 images to [0, 1], as in SB3.
        layers: Hidden layers between core and heads; None for none.
        memory_sizes: Number of values of each memory target, or what else it is.
        further_inputs: How many inputs the core is to have beside the features.
        log_std_init: Logarithm of the spread of a Gaussian policy at first, as in SB3.
    """
    hidden = None if layers is None else layers.between(core.output_size)
    widths = (core.output_size,) * 2 if hidden is None else (hidden.latent_dim_pi, hidden.latent_dim_vf)
    linear, value_head = nn.Linear(widths[0], distribution.head_width), nn.Linear(widths[1], 1)
    for head in (linear, value_head):
        nn.init.orthogonal_(head.weight, 0.01)
        nn.init.zeros_(head.bias)
    policy_head = distribution.head(linear, log_std_init)
    encoder = normalizing_encoder(observation_space, extractor, normalize_images)
    seen = extractor.features_dim + further_inputs + distribution.num_features
    memory_head = MemoryHead(core.output_size, memory_sizes, seen) if memory_sizes else None
    if hidden is None:
        return ActorCritic(encoder, core, policy_head, value_head, None, memory_head, distribution)
    policy_layers = nn.Sequential(hidden.policy_net, policy_head)
    return ActorCritic(encoder, core, policy_layers, value_head, hidden.value_net, memory_head, distribution)


def normalizing_encoder(
    observation_space: spaces.Space, extractor: BaseFeaturesExtractor, normalize_images: bool = True
) -> Encoder:
    """Return an encoder, see `Encoder`, that standardises what comes in the scale of the observations.

    That are the features of extractors without parameters, such as flattening.
    """
    plain = not any(True for _ in extractor.parameters())
    normalizer = RunningNormalizer(extractor.features_dim) if plain else None
    return Encoder(observation_space, extractor, normalize_images, normalizer)


def lanes_of(observation: PyTorchObs) -> int:
    """Return N of an observation [N, ...], or of a dict of them."""
    return len(next(iter(observation.values())) if isinstance(observation, dict) else observation)
