"""The agents: which names exist and where each lives."""

from registry.lookup import look_up

# name -> "module:Class"; each class has the interface of a Stable-Baselines3 algorithm.
AGENTS: dict[str, str] = {
    "ald": "agents.ald:ALD",
}


def get_agent(name: str) -> str:
    """Return the entry point "module:Class" of an agent.

    Raises:
        ValueError: There is no such agent.
    """
    return look_up(AGENTS, "agent", name)
