"""A model of SB3's on-policy algorithms as a file and back: plain data and tensors, no pickle."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from stable_baselines3.common.type_aliases import GymEnv

from agents.sb3 import checkpoint, saving
from agents.vec_env.state import get_env_state

if TYPE_CHECKING:
    from agents.baselines.on_policy import OnPolicyAgent

Model = TypeVar("Model", bound="OnPolicyAgent")


def save_model(model: OnPolicyAgent, path: str | os.PathLike[str], exclude: Collection[str]) -> None:
    """Write a model to `path`; see `OnPolicyAgent.save`."""
    saving.check_parts(exclude)
    optimizers = {name: optimizer.state_dict() for name, optimizer in model.optimizers().items()}
    tree = {
        **saving.describe(model),
        "optimizers": optimizers,
        "acting": model.acting_state(),
        "generators": _generator_states(model.device),
        "environment": None,
    }
    if "environment" not in exclude and model.env is not None:
        tree["environment"] = get_env_state(model.env)
    checkpoint.save(saving.with_suffix(path), tree)


def load_model(
    cls: type[Model],
    path: str | os.PathLike[str],
    env: GymEnv | None,
    device: torch.device | str,
    force_reset: bool,
    **kwargs: Any,
) -> Model:
    """Read a model from `path`; see `OnPolicyAgent.load`."""
    tree, path = saving.read(path, device)
    saving.check_kind(cls, tree, path, ("optimizers", "acting", "generators", "environment"))
    model = saving.rebuild(cls, tree, path, env, device, kwargs)
    saving.restore(model, tree)
    for name, optimizer in model.optimizers().items():
        optimizer.load_state_dict(tree["optimizers"][name])
    if not force_reset:
        begun = tree["acting"]["observation"] is not None
        saving.resume_lanes(model, tree, path, begun)
        if begun:
            model.set_acting_state(tree["acting"])
        _set_generators(model.device, tree["generators"])
    return model


def _generator_states(device: torch.device) -> dict[str, Any]:
    """Of the generators that SB3 draws from."""
    on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"torch": torch.get_rng_state(), "cuda": on_device, "numpy": np.random.get_state()}


def _set_generators(device: torch.device, states: Mapping[str, Any]) -> None:
    torch.set_rng_state(states["torch"].cpu())
    np.random.set_state(states["numpy"])
    if device.type == "cuda" and states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"].cpu(), device)
