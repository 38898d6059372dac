"""The agents: which names exist and where each lives."""

from dataclasses import dataclass

from registry.lookup import look_up


@dataclass(frozen=True)
class AgentRow:
    """One agent.

    Attributes:
        name: What presets and configurations call it.
        entry_point: "module:Class", a class with the interface of a Stable-Baselines3 algorithm.
        program: Module of the program that trains it, for `python -m`.
        title: What pictures call it.
    """

    name: str
    entry_point: str
    program: str
    title: str


AGENTS: dict[str, AgentRow] = {
    row.name: row
    for row in (
        AgentRow("ald", "agents.ald:ALD", "agents.ald.train", "ALD"),
        AgentRow("vmpo", "agents.baselines:VMPO", "agents.baselines.train", "V-MPO"),
        AgentRow(
            "recurrent-ppo", "agents.baselines:RecurrentPPOAgent", "agents.baselines.train", "RecurrentPPO"
        ),
        AgentRow("ppo", "agents.baselines:PPOAgent", "agents.baselines.train", "PPO"),
        AgentRow("random", "agents.baselines:RandomAgent", "agents.baselines.train", "Random"),
    )
}


def get_agent(name: str) -> AgentRow:
    """Return an agent.

    Raises:
        ValueError: There is no such agent.
    """
    return look_up(AGENTS, "agent", name)
