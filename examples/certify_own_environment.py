"""What memory is worth in a task of your own: `python examples/certify_own_environment.py`.

A task is three functions, `starts`, `step` and `observe`, with `num_actions` and `horizon`. Nothing has to be
derived from and nothing to be registered.
"""

from memory_envs import certify
from memory_envs.finite import Outcome

WALK, LEFT, RIGHT = range(3)


class TMaze:
    """An arrow, seen in the first cell only, tells which way to turn at the end of a corridor."""

    num_actions = 3
    horizon = 30

    def __init__(self, length: int = 8, arrow_at_the_junction: bool = False) -> None:
        """Make a corridor of `length` cells; an arrow at the junction would spoil it."""
        self.length = length
        self.arrow_at_the_junction = arrow_at_the_junction

    def starts(self) -> list[tuple[float, tuple[int, int]]]:
        """Return (probability, state); a state is (cell, arrow)."""
        return [(0.5, (0, LEFT)), (0.5, (0, RIGHT))]

    def step(self, state: tuple[int, int], action: int) -> list[Outcome]:
        """Return what may follow: a turn at the junction ends the episode, one before it does nothing."""
        cell, arrow = state
        if action == WALK:
            return [Outcome(1.0, (min(cell + 1, self.length), arrow), reward=0.0)]
        if cell < self.length:
            return [Outcome(1.0, state, reward=0.0)]
        right = action == arrow
        return [Outcome(1.0, state, reward=1.0 if right else -1.0, terminated=True, success=right)]

    def observe(self, state: tuple[int, int]) -> tuple[str, int | None]:
        """Return what is seen: the kind of cell, and the arrow where it can be seen."""
        cell, arrow = state
        at_junction = cell == self.length
        shown = cell == 0 or (at_junction and self.arrow_at_the_junction)
        return "junction" if at_junction else "corridor", arrow if shown else None


def main() -> None:
    """Certify the maze, and the one that was spoilt."""
    print(certify(TMaze(), name="T-maze"), end="\n\n")
    print(certify(TMaze(arrow_at_the_junction=True), name="T-maze with an arrow at the junction"))


if __name__ == "__main__":
    main()
