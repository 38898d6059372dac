"""A walk along four cells that shows a cue or pays as it is told."""

from memory_envs.finite.protocol import Outcome


class Walk:
    """Cells 0 to 3 in a row and a cue, 0 or 1, seen in cell 0; cell 3 ends the episode."""

    num_actions = 2
    horizon = 20
    shows_at = {0}
    gains: dict[tuple[int, int], float] = {}

    def starts(self):
        return [(0.5, (0, 0)), (0.5, (0, 1))]

    def step(self, state, action):
        cell, cue = state
        after = max(0, cell - 1) if action == 0 else cell + 1
        reward = self.gains.get((cell, after), 0.0)
        return [Outcome(1.0, (after, cue), reward, terminated=after == 3)]

    def observe(self, state):
        cell, cue = state
        return (cell, cue if cell in self.shows_at else None)
