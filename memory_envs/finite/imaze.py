"""I-Maze as a finite environment that can say which fact has to be remembered: the cue of the corridor."""

from collections.abc import Hashable

from memory_envs.finite.protocol import Outcome
from memory_envs.finite.rulebook import FiniteRules
from memory_envs.rules import imaze, maze

_LETTERS = "#.ABLRCDcdEFefGHgh"
_HEADINGS = ("east", "south", "west", "north")


class FiniteIMaze(FiniteRules):
    """One configuration of I-Maze. Implements `memory_envs.finite.QuestionEnv`; the question is the cue.

    In an endless maze, where answers lead to the start of any corridor, the question is that of the corridor
    the agent is in.
    """

    def __init__(self, config: imaze.Config, *, until_success: bool = False) -> None:
        """Take a configuration, one that `configure` would have refused included.

        `until_success` ends an endless maze with its first answer: no success follows a wrong one.
        """
        config = config._replace(endless=0) if until_success else config
        super().__init__(imaze, config, until_success=until_success)
        self._leaks = frozenset(maze.leaks(config))

    def step(self, state: imaze.State, action: int) -> tuple[Outcome, ...]:
        """Return what may follow an action: one thing, or after an answer in an endless maze any start."""
        following, reward, _, _ = imaze.transition(self.config, state, action)
        if following.corridor > state.corridor:
            return tuple(Outcome(chance, first, reward) for chance, first in self.starts())
        return super().step(state, action)

    def question(self, state: imaze.State) -> int:
        """Return the cue."""
        return state.cue

    def rest(self, state: imaze.State) -> Hashable:
        """Return the state without its cue."""
        return state._replace(cue=0)

    def place(self, state: imaze.State) -> str:
        """Return row, column and heading."""
        return f"row {state.row}, column {state.column}, facing {_HEADINGS[state.heading]}"

    def must_hide(self, state: imaze.State) -> bool:
        """Return whether the rulebook lists this pose as one that sees the cue where it may not."""
        return (state.row, state.column, state.heading) in self._leaks

    def picture(self, state: imaze.State) -> str:
        """Return the window as text: # wall, . floor, A to H the cues, L, R and c to h the goals."""
        self.rules.observe(self.config, state, self._view)
        return "\n".join("".join(_LETTERS[code] for code in row) for row in self._view.tolist())

    def lasting(self, state: imaze.State) -> imaze.State:
        """Return a state without clock and key, but with whether the cue was seen, on which twins depend."""
        return state._replace(steps=0, seen_at=min(state.seen_at, 0), right=0, key=0)
