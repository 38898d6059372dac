"""The table of agents: each exists and has the interface of Stable-Baselines3."""

import pytest
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.sb3.algorithm import find_algorithm
from memory_envs.registry.agents import AGENTS, get_agent


@pytest.mark.parametrize("name", AGENTS)
def test_agents_have_the_interface_of_sb3(name):

    row = get_agent(name)
    assert row.name == name and issubclass(find_algorithm(name), BaseAlgorithm)


def test_an_unknown_agent_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"no agent 'zzz' \(there are 'ald'"):
        get_agent("zzz")
