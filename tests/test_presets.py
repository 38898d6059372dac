"""The tables of the registry: everything they name exists and fits together."""

import dataclasses
import importlib.util

import gymnasium
import pytest

import memory_envs  # noqa: F401
from registry.agents import AGENTS, get_agent
from registry.presets import PRESETS, get_preset


def imported(entry_point):
    module, _, name = entry_point.partition(":")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", AGENTS)
def test_agents_have_the_interface_of_sb3(name):
    from stable_baselines3.common.base_class import BaseAlgorithm

    row = get_agent(name)
    assert row.name == name and issubclass(imported(row.entry_point), BaseAlgorithm)
    assert importlib.util.find_spec(row.program) is not None


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_presets_name_an_agent_and_an_environment_that_exist(preset):
    assert PRESETS[preset.name] is preset
    assert preset.policy in imported(get_agent(preset.agent).entry_point).policy_aliases
    gymnasium.make(preset.env, **preset.env_kwargs).close()
    assert preset.num_envs >= 1 and preset.total_timesteps >= 1


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_overrides_of_presets_differ_from_the_defaults(preset):
    defaults = imported(get_agent(preset.agent).entry_point).config_class()
    dataclasses.replace(defaults, **preset.overrides)  # known fields, values in range
    assert {
        name: getattr(defaults, name) for name in preset.overrides
    }.items() & preset.overrides.items() == set()


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no preset 'imaze/adl', did you mean 'imaze/ald'\?"):
        get_preset("imaze/adl")
    with pytest.raises(ValueError, match=r"no agent 'zzz' \(there are 'ald'"):
        get_agent("zzz")
