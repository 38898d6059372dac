"""The protocol of a finite environment: three functions, from which memory's worth can be computed."""

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Outcome(NamedTuple):
    """One of the things that may follow an action.

    Attributes:
        probability: Its probability, above 0.
        state: The next state.
        reward: The reward.
        terminated: Whether the episode ends there.
        success: Whether it ends well; never without `terminated`.
    """

    probability: float
    state: Hashable
    reward: float
    terminated: bool = False
    success: bool = False


@runtime_checkable
class FiniteEnv(Protocol):
    """A task with finitely many states, as its three functions.

    States hold no clock: the time limit is `horizon`, applied by whoever plays. Perfect memory remembers
    observations and actions; of rewards it knows what `observe` shows, unless `memory_envs.certify` is called
    with `reward_observed=True`.

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


@runtime_checkable
class DescribedEnv(FiniteEnv, Protocol):
    """A finite task that can say what it shows, where observations are codes."""

    def describe(self, observation: Any) -> str:
        """Return what `observe` returned in words."""


@runtime_checkable
class QuestionEnv(FiniteEnv, Protocol):
    """A finite task that can say which fact has to be remembered: the question, drawn with the first state.

    Naming it is optional. It lets a certificate compute the value of guessing, the bits to remember, how long
    they have to be held, and where the question shows although it should not.
    """

    def question(self, state: Any) -> Hashable:
        """Return the fact that has to be remembered; it stays the same for a whole episode."""

    def rest(self, state: Any) -> Hashable:
        """Return everything in a state but the question: states of equal rest differ in nothing else."""

    def place(self, state: Any) -> Hashable:
        """Return where the agent is, by the name under which a report should speak of it."""

    def must_hide(self, state: Any) -> bool:
        """Return whether the task promises that the question cannot be seen in this state."""

    def picture(self, state: Any) -> str:
        """Return what the agent sees in a state as lines of text."""
