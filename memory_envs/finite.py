"""The protocol of a finite environment: three functions, from which memory's worth can be computed."""

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple, Protocol


class Outcome(NamedTuple):
    """One of the things that may follow an action.

    Attributes:
        probability: Its probability, above 0.
        state: The next state.
        reward: The reward.
        terminated: Whether the episode ends there.
        success: Whether it ends well.
    """

    probability: float
    state: Hashable
    reward: float
    terminated: bool = False
    success: bool = False


class FiniteEnv(Protocol):
    """A task with finitely many states, as its three functions.

    States hold no clock: the time limit is `horizon`, applied by whoever plays.

    Attributes:
        num_actions: Actions are the integers from 0 to num_actions - 1.
        horizon: Steps after which an episode is truncated.
    """

    num_actions: int
    horizon: int

    def starts(self) -> Iterable[tuple[float, Any]]:
        """Return the first states with their probabilities."""

    def step(self, state: Any, action: int) -> Iterable[Outcome]:
        """Return everything that may follow an action; never called with the state of an ended episode."""

    def observe(self, state: Any) -> Hashable:
        """Return what the agent sees in a state."""
