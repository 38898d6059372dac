"""Parts of a Dict observation that a learner alone is shown: which are left for acting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gymnasium import spaces
from torch import nn

from agents.learning.networks.parts import PartsEncoder
from agents.sb3.networks import default_extractor, normalizing_encoder
from memory_envs.registry.lookup import did_you_mean


def acting_space(space: spaces.Space[Any], learner_only: Sequence[str]) -> spaces.Space[Any]:
    """Return the space of what is left of observations for acting; of a single part, its own, without a Dict.

    Args:
        space: Of the observations of training.
        learner_only: Keys of what the learner alone is shown.

    Raises:
        ValueError: It is no Dict, has no such key, or nothing would be left.
    """
    if not learner_only:
        return space
    if not isinstance(space, spaces.Dict):
        raise ValueError(
            f"learner_only names {', '.join(learner_only)}, which must be keys of a Dict observation, got "
            f"{' '.join(str(space).split())}; an environment of this suite has one with "
            "privileged=[...]"
        )
    for name in learner_only:
        if name not in space.spaces:
            hint = did_you_mean(name, space.spaces)
            raise ValueError(f"learner_only must be among {', '.join(space.spaces)}, got {name!r}{hint}")
    left = {name: part for name, part in space.spaces.items() if name not in learner_only}
    if not left:
        raise ValueError(f"learner_only must leave something to act on, got all of {', '.join(space.spaces)}")
    return next(iter(left.values())) if len(left) == 1 else spaces.Dict(left)


def acting_names(space: spaces.Space[Any], learner_only: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that are left for acting."""
    assert isinstance(space, spaces.Dict)
    return tuple(name for name in space.spaces if name not in learner_only)


def shows_enough(found: spaces.Space[Any], space: spaces.Space[Any], learner_only: Sequence[str]) -> bool:
    """Return whether observations of another space than that of training are enough to act on.

    Args:
        found: Of an environment.
        space: Of the observations of training.
        learner_only: Keys of what the learner alone is shown.
    """
    if not learner_only or not isinstance(space, spaces.Dict):
        return False
    if not isinstance(found, spaces.Dict):
        return found == acting_space(space, learner_only)
    left = {name: part for name, part in found.spaces.items() if name not in learner_only}
    return left == {name: space.spaces[name] for name in acting_names(space, learner_only)}


def acting_part(observation: Any, space: spaces.Space[Any], learner_only: Sequence[str]) -> Any:
    """Return what is left of an observation for acting, whether or not the other parts are there.

    Args:
        observation: As training or a plainer environment shows it: a mapping, or the only part by itself.
        space: Of the observations of training.
        learner_only: Keys of what the learner alone is shown.

    Raises:
        ValueError: It lacks a part that acting needs.
    """
    if not learner_only or not isinstance(observation, Mapping):
        return observation
    names = acting_names(space, learner_only)
    if missing := [name for name in names if name not in observation]:
        raise ValueError(
            f"observations must have the parts {', '.join(names)}, got {', '.join(observation) or 'none'}; "
            f"missing: {', '.join(missing)}"
        )
    if len(names) == 1:
        return observation[names[0]]
    return {name: part for name, part in observation.items() if name not in learner_only}


def acting_encoder(encoder: nn.Module, space: spaces.Space[Any], learner_only: Sequence[str]) -> nn.Module:
    """Return an encoder of whole observations that shows another one what is left of them for acting.

    Args:
        encoder: Of what is left.
        space: Of the observations of training.
        learner_only: Keys of what the learner alone is shown.
    """
    if not learner_only:
        return encoder
    names = acting_names(space, learner_only)
    return PartsEncoder(encoder, names, alone=len(names) == 1)


def privileged_encoder(
    space: spaces.Space[Any], learner_only: Sequence[str], normalize_images: bool = True
) -> tuple[PartsEncoder, int]:
    """Return a new encoder of what the learner alone is shown, and its number of features.

    Args:
        space: Of the observations of training.
        learner_only: Keys of what the learner alone is shown.
        normalize_images: Scale uint8 images to [0, 1], as in SB3.
    """
    assert isinstance(space, spaces.Dict)
    own = spaces.Dict({name: space.spaces[name] for name in learner_only})
    extractor = default_extractor(own)(own)
    encoder = normalizing_encoder(own, extractor, normalize_images)
    return PartsEncoder(encoder, learner_only), extractor.features_dim
