"""Card games of POPGym that ask for memory.

The rules are those of POPGym 1.0.7 (Morad et al. 2023, "POPGym: Benchmarking Partially Observable
Reinforcement Learning", arXiv 2303.01859; https://github.com/proroklab/popgym), written anew from its
documentation and by observing it: decks, episode lengths, rewards and the coding of observations are its own.
What differs is named in each class. Where popgym is installed, a test plays both side by side.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

DECK, SUITS, RANKS, COLOURS = 52, 4, 13, 2
KINDS = {"colours": COLOURS, "suits": SUITS, "ranks": RANKS}


def shuffled(kinds: int, cards: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return a shuffled pile in which every kind of card is equally frequent, [cards]."""
    return generator.permutation(np.arange(cards) % kinds)


class RepeatPrevious(gymnasium.Env[np.int64, np.int64]):
    """Name the suit that was shown k - 1 cards before the one on the table.

    Observation: the suit of the card just dealt, Discrete(4). Action: a suit. The first k - 1 actions earn
    nothing; each after them earns 1 / (cards - k), or minus that, so that a perfect episode earns 1 and one
    that is always wrong -1. A card is dealt each step, and the episode ends with the deck: after
    52 * decks - 1 steps.

    POPGym has k = 4 with one deck (easy), 32 with two (medium), 64 with three (hard). No difference is known.

    Args:
        decks: Of 52 cards each.
        k: How far back.

    Raises:
        ValueError: `decks` is below 1, or there are not more cards than k.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, decks: int = 1, k: int = 4) -> None:
        _at_least_one("decks", decks)
        if not 1 <= k < DECK * decks:
            raise ValueError(f"k must be from 1 to {DECK * decks - 1}, got {k}")
        self.size, self.k = DECK * decks, k
        self.observation_space, self.action_space = spaces.Discrete(SUITS), spaces.Discrete(SUITS)
        self.cards, self.dealt = np.zeros(self.size, np.int64), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        """Shuffle, and deal the first card."""
        super().reset(seed=seed)
        self.cards, self.dealt = shuffled(SUITS, self.size, self.np_random), 1
        return self.cards[0], {}

    def step(self, action: np.int64) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        """Judge the answer, and deal a card."""
        asked, worth = self.dealt - self.k, 1 / (self.size - self.k)
        reward = 0.0 if asked < 0 else worth if action == self.cards[asked] else -worth
        self.dealt += 1
        return self.cards[self.dealt - 1], reward, self.dealt == self.size, False, {}


class Autoencode(gymnasium.Env[NDArray[np.int64], np.int64]):
    """Watch a deck being dealt, then name its suits from the last card to the first.

    Observation: [mode, suit], MultiDiscrete([2, 4]). The mode is 1 while cards are dealt and 0 from the last
    card on, which is shown with it; while reciting, the suit is 0. Action: a suit. Reciting earns
    1 / cards for each right answer and minus that for each wrong one, watching nothing. An episode has
    2 * 52 * decks - 1 steps.

    POPGym has one deck (easy), two (medium), three (hard). Its observation is a Tuple of the same two
    numbers, which Stable-Baselines3 does not take.

    Args:
        decks: Of 52 cards each.

    Raises:
        ValueError: `decks` is below 1.
    """

    metadata: dict[str, Any] = {"render_modes": []}
    PLAY, WATCH = 0, 1

    def __init__(self, decks: int = 1) -> None:
        _at_least_one("decks", decks)
        self.size = DECK * decks
        self.observation_space, self.action_space = spaces.MultiDiscrete([2, SUITS]), spaces.Discrete(SUITS)
        self.cards, self.steps = np.zeros(self.size, np.int64), 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """Shuffle, and deal the first card."""
        super().reset(seed=seed)
        self.cards, self.steps = shuffled(SUITS, self.size, self.np_random), 0
        return np.array([self.WATCH, self.cards[0]]), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.int64], float, bool, bool, dict[str, Any]]:
        """Deal a card, or judge the answer once all have been."""
        self.steps += 1
        if self.steps < self.size:
            mode = self.PLAY if self.steps == self.size - 1 else self.WATCH
            return np.array([mode, self.cards[self.steps]]), 0.0, False, False, {}
        asked = 2 * self.size - 1 - self.steps
        reward = (1 if action == self.cards[asked] else -1) / self.size
        return np.array([self.PLAY, 0]), reward, asked == 0, False, {}


class CountRecall(gymnasium.Env[NDArray[np.int64], np.int64]):
    """Say how often a kind of card has been dealt so far, the card on the table included.

    Observation: [kind dealt, kind asked for], MultiDiscrete([kinds, kinds]), from two piles that are shuffled
    independently. Action: the number. The exact number earns 1 / (cards - 1), any other minus that, for the
    question on the table; the episode ends with the piles, after cards - 1 steps.

    POPGym has one deck of 2 colours (easy), two decks of 4 suits (medium), four decks of 13 ranks (hard).
    POPGym puts the true counts into `info`, which an agent must not see; here `info` is empty.

    Args:
        decks: Of 52 cards each.
        kind: What is told apart, a key of `KINDS`.

    Raises:
        ValueError: `decks` is below 1, or there is no such kind.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, decks: int = 1, kind: str = "colours") -> None:
        _at_least_one("decks", decks)
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
        self.kinds, self.size = KINDS[kind], DECK * decks
        self.observation_space = spaces.MultiDiscrete([self.kinds, self.kinds])
        self.action_space = spaces.Discrete(self.size // self.kinds + 1)
        self.cards, self.queries = (np.zeros(self.size, np.int64) for _ in range(2))
        self.dealt = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.int64], dict[str, Any]]:
        """Shuffle both piles, and deal the first card and question."""
        super().reset(seed=seed)
        self.cards, self.queries = (shuffled(self.kinds, self.size, self.np_random) for _ in range(2))
        self.dealt = 1
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.int64], float, bool, bool, dict[str, Any]]:
        """Judge the answer to the question on the table, and deal the next."""
        count = np.count_nonzero(self.cards[: self.dealt] == self.queries[self.dealt - 1])
        reward = (1 if action == count else -1) / (self.size - 1)
        self.dealt += 1
        return self._seen(), reward, self.dealt == self.size, False, {}

    def _seen(self) -> NDArray[np.int64]:
        return np.array([self.cards[self.dealt - 1], self.queries[self.dealt - 1]])


def _at_least_one(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
