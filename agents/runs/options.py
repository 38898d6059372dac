"""All options of a run, agent's settings included: as JSON, compared with those of another run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.learning.settings import absent_settings
from agents.runs.settings import RunSettings
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import AgentConfig, ConfiguredAlgorithm
from memory_envs.registry.json_text import MalformedJson, build
from memory_envs.registry.presets import Preset

# Run settings that define the experiment, beside the agent and its settings; the others say how it is run.
OF_THE_EXPERIMENT = (
    "policy",
    "env",
    "env_kwargs",
    "num_envs",
    "total_timesteps",
    "stop_at_success",
    "trained_agent",
)

Differences = dict[str, tuple[Any, Any]]  # setting -> (found, wanted)


@dataclass(frozen=True)
class Options:
    """All options of a run.

    Attributes:
        agent: Name in `memory_envs.registry.agents`.
        run: Settings that are not the agent's.
        config: Settings of the agent.
    """

    agent: str
    run: RunSettings
    config: AgentConfig

    @property
    def algorithm(self) -> type[ConfiguredAlgorithm]:
        """The agent's class."""
        return find_algorithm(self.agent)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {"run": self.run.to_dict(), "agent": self.agent, "config": self.config.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Options:
        """Return what `to_dict` was made from.

        Raises:
            ValueError: Something is missing or unknown.
        """
        try:
            agent = content["agent"]
            kind, settings = find_algorithm(agent).config_class, content["config"]
            config = build(kind, absent_settings(kind, settings) | settings, "config")
            return cls(agent, build(RunSettings, content["run"], "run"), config)
        except (KeyError, TypeError, MalformedJson) as problem:
            raise ValueError(f"the configuration is not one of this version: {problem}") from problem

    @classmethod
    def of_agent(cls, agent: str) -> Options:
        """Return the defaults of an agent.

        Raises:
            ValueError: There is no such agent.
        """
        algorithm = find_algorithm(agent)
        policy = next(iter(algorithm.policy_aliases))
        return cls(agent, RunSettings(policy=policy), algorithm.config_class())

    @classmethod
    def of_preset(cls, preset: Preset) -> Options:
        """Return the options of an experiment."""
        run = RunSettings(
            preset=preset.name,
            policy=preset.policy,
            env=preset.env,
            env_kwargs=json.dumps(preset.env_kwargs),
            num_envs=preset.num_envs,
            total_timesteps=preset.total_timesteps,
        )
        return cls(preset.agent, run, find_algorithm(preset.agent).config_class(**preset.overrides))


def differences(found: Options, wanted: Options) -> Differences:
    """Return the settings in which two runs are different experiments."""
    pairs: dict[str, tuple[Any, Any]] = {"agent": (found.agent, wanted.agent)}
    pairs |= {name: (getattr(found.run, name), getattr(wanted.run, name)) for name in OF_THE_EXPERIMENT}
    return unequal(pairs) | config_differences(found.config, wanted.config)


def config_differences(found: AgentConfig, wanted: AgentConfig) -> Differences:
    """Return the settings in which two agents differ."""
    ours, theirs = found.to_dict(), wanted.to_dict()
    return unequal({name: (ours.get(name), theirs.get(name)) for name in ours | theirs})


def in_words(differing: Differences) -> str:
    """Return differences as text: "gamma is 0.5 instead of 0.99; ..."."""
    return "; ".join(
        f"{name} is {found!r} instead of {wanted!r}" for name, (found, wanted) in differing.items()
    )


def unequal(pairs: Differences) -> Differences:
    """Return those settings whose two values differ."""
    return {name: (found, wanted) for name, (found, wanted) in pairs.items() if found != wanted}
