"""Memory tasks of others as rules: Bakker's T-maze, bsuite's memory chain, POPGym's first card."""

from __future__ import annotations

from memory_envs.finite.protocol import Outcome

NORTH, EAST, SOUTH, WEST = range(4)


class TMaze:
    """Bakker's T-maze: a signal in the first cell says which way to turn at the end of a corridor.

    Source: Bakker 2001, "Reinforcement Learning with Long Short-Term Memory", NeurIPS 14. Actions: north,
    east, south, west. Observations, three bits: 011 in the first cell if the goal is north and 110 if it is
    south, 101 in the corridor, 010 at the junction. The right turn earns 4, the wrong one -0.1, and both end
    the episode; standing still, which is what walking into a wall is, costs 0.1.

    Bakker's episodes end at a turn only; here also after `horizon` steps, so that lanes are never stuck. The
    agent is not told that time ran out.

    Args:
        length: Steps from the first cell to the junction.

    Raises:
        ValueError: `length` is below 1.
    """

    num_actions = 4

    def __init__(self, length: int = 10) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1, got {length}")
        self.length, self.horizon = length, 20 * (length + 1)

    def starts(self) -> list[tuple[float, tuple[int, int]]]:
        """Return (probability, state); a state is (cell, side of the goal)."""
        return [(0.5, (0, NORTH)), (0.5, (0, SOUTH))]

    def step(self, state: tuple[int, int], action: int) -> list[Outcome]:
        """Return what follows an action, which is never left to chance."""
        cell, goal = state
        if cell == self.length and action in (NORTH, SOUTH):
            right = action == goal
            return [Outcome(1.0, state, 4.0 if right else -0.1, terminated=True, success=right)]
        reached = min(max(cell + {EAST: 1, WEST: -1}.get(action, 0), 0), self.length)
        return [Outcome(1.0, (reached, goal), -0.1 if reached == cell else 0.0)]

    def observe(self, state: tuple[int, int]) -> tuple[float, ...]:
        """Return three bits."""
        cell, goal = state
        if cell == self.length:
            return (0.0, 1.0, 0.0)
        if cell == 0:
            return (0.0, 1.0, 1.0) if goal == NORTH else (1.0, 1.0, 0.0)
        return (1.0, 0.0, 1.0)


class MemoryChain:
    """The memory length experiment of bsuite: a bit is shown first and asked for at the end.

    Source: Osband et al. 2020, "Behaviour Suite for Reinforcement Learning", arXiv 1908.03568, experiment
    memory_len of bsuite 0.3.5 (https://github.com/google-deepmind/bsuite), whose lengths go from 1 to 100.
    Observations, three numbers: the share of time that is left, the number of the bit that is asked for
    (always 0, as there is one bit), and the bit as 1 or -1 where it is shown, else 0. The first `length`
    actions do nothing, the last earns 1 if it names the bit and -1 if not.

    As in bsuite's code, the first observation is shown twice, so that an episode has length + 1 steps and
    the bit is seen before the first two. bsuite's observations have the shape (1, 3), here (3,).

    Args:
        length: Steps before the answer.

    Raises:
        ValueError: `length` is below 1.
    """

    num_actions = 2

    def __init__(self, length: int = 10) -> None:
        if length < 1:
            raise ValueError(f"length must be at least 1, got {length}")
        self.length, self.horizon = length, length + 1

    def starts(self) -> list[tuple[float, tuple[int, int]]]:
        """Return (probability, state); a state is (actions so far, bit)."""
        return [(0.5, (0, 0)), (0.5, (0, 1))]

    def step(self, state: tuple[int, int], action: int) -> list[Outcome]:
        """Return what follows an action, which is never left to chance."""
        done, bit = state
        following = (done + 1, bit)
        if done < self.length:
            return [Outcome(1.0, following, 0.0)]
        right = action == bit
        return [Outcome(1.0, following, 1.0 if right else -1.0, terminated=True, success=right)]

    def observe(self, state: tuple[int, int]) -> tuple[float, ...]:
        """Return time left, number of the bit asked for, and the bit."""
        done, bit = state
        shown = max(0, done - 1)
        return (1 - shown / self.length, 0.0, 2.0 * bit - 1.0 if shown == 0 else 0.0)


class RepeatFirst:
    """POPGym's RepeatFirst: name in every step the suit that was shown first.

    Source: POPGym 1.0.7 (Morad et al. 2023, arXiv 2303.01859). An episode has a step for each card but one,
    and each step earns 1 / (cards - 1) if the suit is that of the first card, and minus that if not.

    POPGym deals from a shuffled deck, here every card is drawn anew, given the first, with the probability
    that its suit has in any one place of the deck. That changes no certified number. Rewards depend on the
    first card and the action; what is dealt does not depend on actions. So a policy without memory earns, in
    each step, what the joint distribution of the first card and the one it sees says, which is that of the
    deck; and an agent with memory knows the first card in either case, and earns 1.

    Args:
        decks: Of 52 cards each; POPGym has 1 (easy), 8 (medium) and 16 (hard).

    Raises:
        ValueError: `decks` is below 1.
    """

    num_actions = 4

    def __init__(self, decks: int = 1) -> None:
        if decks < 1:
            raise ValueError(f"decks must be at least 1, got {decks}")
        self.cards = 52 * decks
        self.horizon = self.cards - 1

    def starts(self) -> list[tuple[float, tuple[int, int]]]:
        """Return (probability, state); a state is (suit of the first card, suit of the latest)."""
        return [(0.25, (suit, suit)) for suit in range(4)]

    def step(self, state: tuple[int, int], action: int) -> list[Outcome]:
        """Return what follows: a reward, and any card."""
        first, _ = state
        reward = (1.0 if action == first else -1.0) / self.horizon
        left = [self.cards // 4 - (suit == first) for suit in range(4)]
        return [Outcome(count / sum(left), (first, suit), reward) for suit, count in enumerate(left)]

    def observe(self, state: tuple[int, int]) -> int:
        """Return the suit of the latest card."""
        return state[1]
