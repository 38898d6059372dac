"""The agents: which names exist and where each lives."""

from dataclasses import dataclass

from memory_envs.registry.looks import LOOKS
from memory_envs.registry.lookup import look_up


@dataclass(frozen=True)
class AgentRow:
    """One agent.

    Attributes:
        name: What presets and configurations call it.
        entry_point: "module:Class", a class with the interface of a Stable-Baselines3 algorithm.
    """

    name: str
    entry_point: str

    @property
    def title(self) -> str:
        """What pictures and pages call it."""
        return LOOKS[self.name].title


AGENTS: dict[str, AgentRow] = {
    row.name: row
    for row in (
        AgentRow("ald", "agents.ald:ALD"),
        AgentRow("vmpo", "agents.baselines:VMPO"),
        AgentRow("recurrent-ppo", "agents.baselines:RecurrentPPOAgent"),
        AgentRow("ppo", "agents.baselines:PPOAgent"),
        AgentRow("mimic", "agents.mimic:Mimic"),
        AgentRow("random", "agents.baselines:RandomAgent"),
    )
}

TRAINED_POLICY = "agents.pretrained.acting:trained_policy"
"""The "module:function" that loads a trained actor as a policy of `memory_envs.policies`."""


def get_agent(name: str) -> AgentRow:
    """Return an agent.

    Raises:
        ValueError: There is no such agent.
    """
    return look_up(AGENTS, "agent", name)
