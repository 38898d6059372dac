"""I-Maze as a finite environment that can say which fact has to be remembered: the cue."""

from collections.abc import Hashable

from memory_envs.finite.rulebook import FiniteRules
from memory_envs.rules import imaze

_LETTERS = "#.ABLR"
_HEADINGS = ("east", "south", "west", "north")


class FiniteIMaze(FiniteRules):
    """One configuration of I-Maze. Implements `memory_envs.finite.QuestionEnv`; the question is the cue."""

    def __init__(self, config: imaze.Config, *, until_success: bool = False) -> None:
        """Take a configuration, one that `configure` would have refused included."""
        super().__init__(imaze, config, until_success=until_success)
        self._leaks = frozenset(imaze.leaks(config))

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
        """Return the window as text: # wall, . floor, A and B the cues, L and R the goals."""
        self.rules.observe(self.config, state, self._view)
        return "\n".join("".join(_LETTERS[code] for code in row) for row in self._view.tolist())

    def lasting(self, state: imaze.State) -> imaze.State:
        """Return a state without its clock, but with whether the cue was seen, on which twins depend."""
        return state._replace(steps=0, seen_at=min(state.seen_at, 0))
