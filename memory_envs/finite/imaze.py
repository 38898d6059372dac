"""I-Maze as a finite environment: the rulebook's own functions on states without their clock."""

from collections.abc import Hashable

import numpy as np

from memory_envs.finite.protocol import Outcome
from memory_envs.rules import imaze

_KEYS = 1024
"""Episode keys that are tried to meet every start; two cues and four headings make eight."""

_LETTERS = "#.ABLR"
_HEADINGS = ("east", "south", "west", "north")


class IMazeTask:
    """One configuration of I-Maze. Implements `memory_envs.finite.QuestionEnv`; the question is the cue.

    States are the rulebook's, with two numbers taken out that no rule looks at but for the time limit and the
    sign: `steps` is always 0 and `seen_at` 0 or -1.
    """

    num_actions = imaze.NUM_ACTIONS

    def __init__(self, config: imaze.Config) -> None:
        """Take a configuration, one that `configure` would have refused included."""
        self.config = config
        self.horizon = config.max_steps
        self._leaks = frozenset(imaze.leaks(config))

    def starts(self) -> list[tuple[float, imaze.State]]:
        """Return the first states, all equally probable."""
        states = sorted({_timeless(imaze.begin(self.config, key)) for key in range(_KEYS)})
        return [(1 / len(states), state) for state in states]

    def step(self, state: imaze.State, action: int) -> tuple[Outcome]:
        """Return the one thing that follows an action."""
        following, reward, terminated, _ = imaze.transition(self.config, state, action)
        success = imaze.is_success(self.config, following)
        return (Outcome(1.0, _timeless(following), reward, terminated, success),)

    def observe(self, state: imaze.State) -> bytes:
        """Return the tile codes of the window."""
        return self._window(state).tobytes()

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
        return "\n".join("".join(_LETTERS[code] for code in row) for row in self._window(state).tolist())

    def _window(self, state: imaze.State) -> np.ndarray:
        view = np.empty((self.config.view_size, self.config.view_size), dtype=np.uint8)
        imaze.observe(self.config, state, view)
        return view


def _timeless(state: imaze.State) -> imaze.State:
    return state._replace(steps=0, seen_at=min(state.seen_at, 0))
