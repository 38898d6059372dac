"""Any rulebook as a finite environment: its own functions on states without their clock."""

from collections.abc import Hashable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from memory_envs.finite.protocol import Outcome


class FiniteRules:
    """One configuration of a rulebook. Implements `memory_envs.finite.FiniteEnv`.

    States are the rulebook's, without the fields of its CLOCK. A subclass may keep some of them, and may say
    which fact has to be remembered (`memory_envs.finite.QuestionEnv`).

    Attributes:
        rules: The rulebook; it has `starts`, unless a subclass has.
        config: Its Config.
        num_actions: Actions are the integers from 0 to num_actions - 1.
        horizon: Steps after which an episode is truncated.
        looks: Name and symbol of each tile code, for `describe`; it does without where there are none.
    """

    looks: Sequence[tuple[str, str]] = ()

    def __init__(self, rules: ModuleType, config: Any, *, until_success: bool = False) -> None:
        """Take a configuration.

        Args:
            rules: The module with the rules.
            config: Made by its `configure`, or one that this would have refused.
            until_success: End the episode at the first success, where the task itself goes on after it.
        """
        self.rules = rules
        self.config = config
        self.num_actions: int = rules.NUM_ACTIONS
        self.horizon: int = config.max_steps
        self._until_success = until_success
        self._view = np.empty((config.view_size, config.view_size), dtype=np.uint8)
        self._notes = np.empty(rules.NUM_NOTES, dtype=np.uint8)

    def starts(self) -> list[tuple[float, Any]]:
        """Return the first states with their probabilities."""
        return [(chance, self.lasting(state)) for chance, state in self.rules.starts(self.config)]

    def step(self, state: Any, action: int) -> tuple[Outcome, ...]:
        """Return the one thing that follows an action."""
        following, reward, terminated, _ = self.rules.transition(self.config, state, action)
        may_succeed = terminated or self._until_success
        success = may_succeed and self.rules.is_success(self.config, following)
        return (Outcome(1.0, self.lasting(following), reward, terminated or success, success),)

    def observe(self, state: Any) -> Hashable:
        """Return the tile codes of the window and the notes behind it."""
        self.rules.observe(self.config, state, self._view)
        self.rules.write_notes(self.config, state, self._notes)
        return self._view.tobytes() + self._notes.tobytes()

    def describe(self, observation: bytes) -> str:
        """Return what `observe` returned: the tile's name, or a window row by row, and the notes."""
        cells = self._view.size
        rows = np.frombuffer(observation[:cells], np.uint8).reshape(self._view.shape).tolist()
        if cells == 1:
            code = rows[0][0]
            told = self.looks[code][0] if self.looks else f"tile {code}"
        elif self.looks:
            told = " / ".join("".join(self.looks[code][1] for code in row) for row in rows)
        else:
            told = " / ".join(" ".join(map(str, row)) for row in rows)
        notes = " ".join(map(str, observation[cells:]))
        return f"{told}, notes {notes}" if notes else told

    def lasting(self, state: Any) -> Any:
        """Return a state without what neither rewards nor observations depend on."""
        return state._replace(**self.rules.CLOCK)
