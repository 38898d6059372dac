"""Publishing the actor of a finished run: checked, evaluated, written with its model card."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import safetensors.torch
from stable_baselines3.common.policies import BasePolicy

import memory_envs
from agents.evaluation.episodes import Evaluation, evaluate, evaluation_lanes
from agents.learning.networks.memory_head import MemoryHead
from agents.pretrained.card import ModelCard
from agents.pretrained.store import SHIPPED, architecture, build_policy, digest, in_8_bits, save
from agents.runs.command_line import PROGRAM, parse
from agents.runs.directory import RunDirectory
from agents.runs.options import Options, differences, in_words
from agents.runs.trained import load_model
from agents.sb3.spaces import space_to_json
from agents.vec_env.make import make_lanes
from memory_envs.registry.envs import ENVS

EPISODES = 1000
BITS = (32, 8)
_MADE_WITH = ("python", "libraries", "git")


def publish(
    run_dir: str | Path, folder: str | Path = SHIPPED, episodes: int = EPISODES, bits: int = 32
) -> ModelCard:
    """Write the actor of a finished run of a preset, with the model card that says how well it does.

    What is evaluated is the policy read back from what is written, not the model of the run. Heads that
    predict memory targets, which only training needs, are left out.

    Args:
        run_dir: The run.
        folder: Where to write; that of the package by default.
        episodes: Of each evaluation, one with sampled and one with greedy actions.
        bits: Of each weight of a matrix: 32, or 8, which makes the file a quarter as large.

    Raises:
        FileNotFoundError: There is no run, or it has no final model.
        ValueError: The run has other settings than its preset, or was not trained to the end; or `bits` is
            neither.
    """
    run = RunDirectory.open(run_dir)
    options = _preset_options(run)
    if bits not in BITS:
        raise ValueError(f"bits must be one of {', '.join(map(str, BITS))}, got {bits!r}")
    card, weights = _described(run, options, bits)
    policy = build_policy(card, weights)
    evaluation = {
        name: _scored(card, _evaluated(policy, card, episodes, deterministic=name == "deterministic"))
        for name in ("sampled", "deterministic")
    }
    card = dataclasses.replace(card, evaluation=evaluation)
    save(card, weights, folder)
    return card


def _preset_options(run: RunDirectory) -> Options:
    """The options of a run, after checking that they are its preset's."""
    options = Options.from_dict(run.read_config())
    name = options.run.preset
    if name is None:
        raise ValueError(f"{run.path} was trained without a preset, so its actor has no name to ship under")
    preset = parse(["--preset", name])
    differing = differences(options, preset)
    if differing:
        raise ValueError(f"{run.path} does not have the settings of preset {name!r}: {in_words(differing)}")
    return options


def _described(run: RunDirectory, options: Options, bits: int) -> tuple[ModelCard, bytes]:
    """The card without its evaluation, and the weights as the content of a safetensors file."""
    if not run.model.exists():
        raise FileNotFoundError(f"{run.path} has no {run.model.name}: the run is not complete")
    model, settings = load_model(run.path), options.run
    if model.num_timesteps < settings.total_timesteps:
        raise ValueError(
            f"{run.model} was trained for {model.num_timesteps:,} of {settings.total_timesteps:,} frames"
        )
    policy = getattr(model, "policy", None)
    if not isinstance(policy, BasePolicy):
        raise ValueError(f"{run.model} has no acting network: there is nothing to ship")
    heads = tuple(f"{name}." for name, part in policy.named_modules() if isinstance(part, MemoryHead))
    tensors = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in policy.state_dict().items()
        if not name.startswith(heads)
    }
    weights = safetensors.torch.save(in_8_bits(tensors) if bits == 8 else tensors)
    card = ModelCard(
        name=str(settings.preset),
        agent=options.agent,
        policy=settings.policy,
        architecture=architecture(policy),
        observation_space=space_to_json(policy.observation_space),
        action_space=space_to_json(policy.action_space),
        env=settings.env_id,
        env_kwargs=settings.env_settings,
        training=_training(run, options, model.num_timesteps),
        evaluation={},
        sha256=digest(weights),
    )
    return card, weights


def _training(run: RunDirectory, options: Options, frames: int) -> dict[str, Any]:
    settings = options.run
    session = (run.read_config().get("sessions") or [{}])[-1]
    if lacking := [name for name in _MADE_WITH if name not in session]:
        raise ValueError(f"{run.config} does not say with which {' and '.join(lacking)} the run was made")
    return {
        # The number of threads decides the order of sums, and so the last bits of every weight.
        "command": f"python -m {PROGRAM} --preset {settings.preset} --seed {settings.seed} "
        f"--device {settings.device} --num-threads {settings.num_threads}",
        "seed": settings.seed,
        "frames": frames,
        "settings": json.loads(json.dumps(options.config.to_dict())),  # as it will be read again
        "made_with": {name: session[name] for name in _MADE_WITH},
    }


def _evaluated(policy: Any, card: ModelCard, episodes: int, deterministic: bool) -> Evaluation:
    env = make_lanes(card.env, evaluation_lanes(episodes), card.env_kwargs)
    try:
        return evaluate(policy, env, episodes, deterministic=deterministic)
    finally:
        env.close()


def _scored(card: ModelCard, evaluation: Evaluation) -> dict[str, Any]:
    return evaluation.to_dict() | {"normalized_score": _score(card, evaluation.mean_return.mean)}


def _score(card: ModelCard, mean_return: float) -> float | None:
    """That of the certificate, which ships for the registered settings of this package's ids."""
    if card.env_kwargs or card.env not in {row.id for row in ENVS}:
        return None
    return memory_envs.normalized_score(card.env, mean_return)
