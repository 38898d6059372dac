"""The agents: which names exist and where each lives."""

from dataclasses import dataclass

from memory_envs.registry.lookup import look_up


@dataclass(frozen=True)
class AgentRow:
    """One agent.

    Attributes:
        name: What presets and configurations call it.
        entry_point: "module:Class", a class with the interface of a Stable-Baselines3 algorithm.
        title: What pictures call it.
    """

    name: str
    entry_point: str
    title: str


AGENTS: dict[str, AgentRow] = {
    row.name: row
    for row in (
        AgentRow("ald", "agents.ald:ALD", "ALD"),
        AgentRow("vmpo", "agents.baselines:VMPO", "V-MPO"),
        AgentRow("recurrent-ppo", "agents.baselines:RecurrentPPOAgent", "RecurrentPPO"),
        AgentRow("ppo", "agents.baselines:PPOAgent", "PPO"),
        AgentRow("random", "agents.baselines:RandomAgent", "Random"),
    )
}


def get_agent(name: str) -> AgentRow:
    """Return an agent.

    Raises:
        ValueError: There is no such agent.
    """
    return look_up(AGENTS, "agent", name)
