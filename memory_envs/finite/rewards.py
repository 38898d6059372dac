"""Any finite environment for an agent that is told its rewards."""

from collections.abc import Hashable
from typing import Any, NamedTuple

from memory_envs.finite.protocol import FiniteEnv, Outcome


class Rewarded(NamedTuple):
    """A state and the reward that led to it, None at the start."""

    state: Any
    reward: float | None


class RewardObserved:
    """The same task with the last reward in what is observed. Implements `memory_envs.finite.FiniteEnv`."""

    def __init__(self, env: FiniteEnv) -> None:
        """Take the task."""
        self._env = env
        self.num_actions, self.horizon = env.num_actions, env.horizon

    def starts(self) -> list[tuple[float, Rewarded]]:
        """Return the first states with their probabilities."""
        return [(chance, Rewarded(state, None)) for chance, state in self._env.starts()]

    def step(self, state: Rewarded, action: int) -> list[Outcome]:
        """Return everything that may follow an action."""
        following = self._env.step(state.state, action)
        return [each._replace(state=Rewarded(each.state, float(each.reward))) for each in following]

    def observe(self, state: Rewarded) -> Hashable:
        """Return what the agent sees, and its last reward."""
        return self._env.observe(state.state), state.reward
