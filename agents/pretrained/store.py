"""Trained actors as files: NAME.safetensors with the weights, NAME.json with the model card. No pickle.

Matrices may be stored as whole numbers of 8 bits, each row times a scale of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import is_json_serializable
from stable_baselines3.common.utils import get_device
from torch import Tensor

from agents.pretrained.card import ModelCard
from agents.runs.trained import TrainedModel, choose_env
from agents.sb3 import memory
from agents.sb3.algorithm import find_algorithm
from agents.sb3.budget import no_larger_than
from agents.sb3.checkpoint import CheckpointError, read_tensors
from agents.sb3.fitting import fit
from agents.sb3.saving import FAULTS_OF_CONTENT
from agents.sb3.spaces import space_from_json
from memory_envs.files import replacing, write_json
from memory_envs.registry.json_text import read_object
from memory_envs.registry.lookup import look_up

# The actors of the package.
SHIPPED = Path(__file__).parent / "actors"

# Arguments of policies that concern only their training, or that a card holds elsewhere.
_NOT_ARCHITECTURE = ("observation_space", "action_space", "optimizer_kwargs", memory.SIZES)

# Goes behind the name of a matrix of 8 bits: the scales of its rows.
_SCALE = ".scale"


def names(folder: str | Path = SHIPPED) -> list[str]:
    """Return the names of the trained actors in a folder."""
    return list(_cards(Path(folder)))


def read_card(name: str, folder: str | Path = SHIPPED) -> ModelCard:
    """Return the model card of a trained actor.

    Args:
        name: One of `names()`.
        folder: Folder of the actors; that of the package by default.

    Raises:
        ValueError: There is no such actor; says which there are.
        CheckpointError: The card is damaged, or of another version.
    """
    path = look_up(_cards(Path(folder)), "pretrained actor", name)
    try:
        return ModelCard.from_dict(read_object(path.read_bytes()))
    except ValueError as fault:
        raise CheckpointError(f"{path} cannot be read as a model card: {fault}") from fault


def load(name: str, device: torch.device | str = "cpu", folder: str | Path = SHIPPED) -> BasePolicy:
    """Load a trained actor. Nothing is downloaded, and no code in the files is run.

    Example:
        >>> from agents import pretrained
        >>> actor = pretrained.load("imaze/ald")
        >>> actor.observation_space.shape
        (54,)

    Args:
        name: One of `names()`.
        device: Device of the network.
        folder: Folder of the actors; that of the package by default.

    Returns:
        The policy, ready to act: `predict(observation, state, episode_start, deterministic)`.

    Raises:
        ValueError: There is no such actor; says which there are.
        CheckpointError: The files are damaged, or do not belong together.
        FileNotFoundError: The card is there without its weights.
    """
    card = read_card(name, folder)
    path = _weights(Path(folder), name)
    content = path.read_bytes()
    if digest(content) != card.sha256:
        raise CheckpointError(f"{path} is damaged, or not the file that its model card describes")
    try:
        return build_policy(card, content, device)
    except FAULTS_OF_CONTENT as fault:
        raise CheckpointError(f"{path} and its model card make no policy: {fault}") from fault


def load_pretrained(
    name: str,
    env_id: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> TrainedModel:
    """Load an actor that ships with the package, and the environment it was trained in.

    Args:
        name: One of `names()`.
        env_id: Environment; that of the training when None.
        env_kwargs: Settings of the environment; those of the training when None.
        device: Where to put the networks.

    Raises:
        ValueError: There is no such actor; says which there are.
    """
    card = read_card(name)
    model = load(name, device)
    return TrainedModel(model, *choose_env(env_id, env_kwargs, card.env, card.env_kwargs))


def save(card: ModelCard, weights: bytes, folder: str | Path = SHIPPED) -> Path:
    """Write a trained actor, replacing one of the same name.

    Returns:
        The file of weights; the card is beside it.

    Raises:
        OSError: The files could not be written.
    """
    path = _weights(Path(folder), card.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write_bytes(weights)
    write_json(path.with_suffix(".json"), card.to_dict())
    return path


def build_policy(card: ModelCard, weights: bytes, device: torch.device | str = "cpu") -> BasePolicy:
    """Return the policy that a card describes, with weights from a safetensors file's content.

    Raises:
        ValueError, TypeError, LookupError, RuntimeError, AssertionError, ...: The two do not fit together.
    """
    policy_class = look_up(find_algorithm(card.agent).policy_aliases, "policy", card.policy)
    tensors = _in_floats(read_tensors(weights))
    with no_larger_than(tensors):
        policy = cast(Any, policy_class)(
            space_from_json(card.observation_space),
            space_from_json(card.action_space),
            lambda _: 0.0,  # learning rate: it will not train
            **card.architecture,
        )
    policy, own = policy.to(get_device(device)), policy.state_dict()
    policy.load_state_dict(tensors)
    fit(tensors, own, "weights")
    policy.set_training_mode(False)
    return cast(BasePolicy, policy)


def in_8_bits(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of which matrices are int8, each beside the scales of its rows: w = scale * int8.

    The largest weight of a row becomes 127 or -127, so that none is off by more than half a scale. What is no
    matrix of floats stays as it is.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.dim() < 2 or not tensor.is_floating_point():
            stored[name] = tensor
            continue
        scale = tensor.flatten(1).abs().amax(dim=1) / 127
        per_row = scale.clamp(min=torch.finfo(scale.dtype).tiny).reshape(_per_row(tensor))
        stored |= {name: (tensor / per_row).round().to(torch.int8), f"{name}{_SCALE}": scale}
    return stored


def _in_floats(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `in_8_bits` was made from, rounded; any other tensors as they are.

    Raises:
        ValueError: A matrix of 8 bits comes without the scales of its rows.
    """
    tensors = dict(stored)
    for name, tensor in stored.items():
        if tensor.dtype != torch.int8:
            continue
        scale = tensors.pop(f"{name}{_SCALE}", None)
        if scale is None or not scale.is_floating_point() or scale.shape != tensor.shape[:1]:
            raise ValueError(f"{name} has 8 bits and must come with a scale for each of its rows")
        tensors[name] = tensor * scale.reshape(_per_row(tensor))
    return tensors


def _per_row(tensor: Tensor) -> tuple[int, ...]:
    return (-1, *(1 for _ in tensor.shape[1:]))


def architecture(policy: BasePolicy) -> dict[str, Any]:
    """Return the arguments that rebuild a policy, without classes, which a card cannot hold."""
    arguments: Mapping[str, Any] = policy._get_constructor_parameters()
    return {
        name: value
        for name, value in arguments.items()
        if name not in _NOT_ARCHITECTURE and value is not None and is_json_serializable(value)
    }


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _cards(folder: Path) -> dict[str, Path]:
    paths = sorted(folder.rglob("*.json"))
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in paths}


def _weights(folder: Path, name: str) -> Path:
    return folder / f"{name}.safetensors"
