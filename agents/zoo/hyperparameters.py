"""The presets as hyperparameters of RL Baselines3 Zoo, one YAML file an algorithm."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from sb3_contrib import RecurrentPPO
from stable_baselines3 import PPO

from agents.runs.options import Options
from agents.runs.settings import RunSettings
from agents.sb3.algorithm import find_algorithm
from agents.sb3.checks import accepted_arguments
from memory_envs.files import replacing
from memory_envs.registry.envs import ENVS
from memory_envs.registry.presets import PRESETS, Preset

FOLDER = Path(__file__).parent / "hyperparams"

# Algorithm of a file -> the agent whose presets are in it; behind those of SB3, the class with its arguments.
OWN = {"ald": "ald", "vmpo": "vmpo"}
STOCK: dict[str, tuple[str, type[Any]]] = {"ppo": ("ppo", PPO), "ppo_lstm": ("recurrent-ppo", RecurrentPPO)}

_HEAD = """\
# Written by `python -m agents.zoo hyperparams` from registry/presets.py: change the presets, not this file.
"""
_FALLING = """\
# The presets let the step size fall to a tenth; "lin_", all that the zoo knows, falls to 0.
"""


def contents() -> dict[str, dict[str, dict[str, Any]]]:
    """Return what the files hold: algorithm -> id of an environment, or "default" -> hyperparameters."""
    own = {name: {"default": _defaults(agent)} | _rows(agent, _settings) for name, agent in OWN.items()}
    return own | {
        name: _rows(agent, functools.partial(_arguments, kind=kind)) for name, (agent, kind) in STOCK.items()
    }


def texts() -> dict[str, str]:
    """Return the files as they are to be, by name."""
    return {
        f"{name}.yml": _HEAD
        + (_FALLING if name in STOCK else "")
        + "".join(f"\n{yaml.safe_dump({env: row}, sort_keys=True)}" for env, row in rows.items())
        for name, rows in contents().items()
    }


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the files.

    Returns:
        Where they are.
    """
    written = []
    for name, text in texts().items():
        with replacing(folder / name) as file:
            file.write_text(text, encoding="utf-8")
        written.append(folder / name)
    return written


def _rows(agent: str, settings: Callable[[Preset], dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The hyperparameters of an agent by environment."""
    found = {row.id: _preset(agent, row.id) for row in ENVS}
    return {
        env_id: _row(preset.policy, preset.num_envs, preset.total_timesteps, settings(preset))
        for env_id, preset in found.items()
        if preset is not None
    }


def _preset(agent: str, env_id: str) -> Preset | None:
    """The first preset of an agent in an environment as it is registered, with nothing told to memory."""
    for preset in PRESETS.values():
        is_plain = not preset.env_kwargs and "memory_targets" not in preset.overrides
        if is_plain and (preset.agent, preset.env) == (agent, env_id):
            return preset
    return None


def _defaults(agent: str) -> dict[str, Any]:
    run: RunSettings = Options.of_agent(agent).run
    return _row(run.policy, run.num_envs, run.total_timesteps, {})


def _row(policy: str, num_envs: int, frames: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"policy": policy, "n_envs": num_envs, "n_timesteps": frames, **settings}


def _settings(preset: Preset) -> dict[str, Any]:
    """The settings of an agent of ours that differ from its defaults, in the types of YAML."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in preset.overrides.items()
    }


def _arguments(preset: Preset, kind: type[Any]) -> dict[str, Any]:
    """The arguments of a class of SB3 that differ from its defaults."""
    config: Any = find_algorithm(preset.agent).config_class(**preset.overrides)
    defaults = {name: each.default for name, each in inspect.signature(kind).parameters.items()}
    given = config.arguments() | {"learning_rate": _step_size(config)}
    policy = accepted_arguments(kind.policy_aliases[preset.policy])
    return {
        **_differing(given, defaults),
        "policy_kwargs": _differing(config.policy_arguments(), policy),
    }


def _differing(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """What differs from the defaults, of what they know."""
    return {name: given[name] for name in given.keys() & defaults.keys() if given[name] != defaults[name]}


def _step_size(config: Any) -> float | str:
    """A step size as the zoo writes it, which knows constant ones and those that fall to 0."""
    falls = config.final_learning_rate is not None
    return f"lin_{config.learning_rate}" if falls else config.learning_rate
