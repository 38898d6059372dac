"""Tasks with a cue at the beginning and a choice at the end, as rules that can also be certified."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from memory_envs.finite import FiniteEnv, Outcome

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


class PlayedFinite(gymnasium.Env[NDArray[np.float32], np.int64]):
    """A finite task whose observations are numbers, as a Gymnasium environment.

    `info["is_success"]` of an ended episode says whether it ended well.

    Args:
        rules: The task; `observe` returns a tuple of floats.
        low: Of every number that is observed.
        high: Likewise.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(self, rules: FiniteEnv, low: float, high: float) -> None:
        self.rules = rules
        self.probabilities, self.first = zip(*rules.starts(), strict=True)
        self.state, self.steps = self.first[0], 0
        self.observation_space = spaces.Box(low, high, self._seen().shape, np.float32)
        self.action_space = spaces.Discrete(rules.num_actions)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Draw a first state."""
        super().reset(seed=seed)
        self.state = self.first[self.np_random.choice(len(self.first), p=self.probabilities)]
        self.steps = 0
        return self._seen(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Draw what follows."""
        outcomes = list(self.rules.step(self.state, int(action)))
        chances = [outcome.probability for outcome in outcomes]
        drawn = self.np_random.choice(len(outcomes), p=chances) if len(outcomes) > 1 else 0
        outcome = outcomes[drawn]
        self.state, self.steps = outcome.state, self.steps + 1
        truncated = self.steps >= self.rules.horizon and not outcome.terminated
        over = outcome.terminated or truncated
        info = {"is_success": outcome.success} if over else {}
        return self._seen(), outcome.reward, outcome.terminated, truncated, info

    def _seen(self) -> NDArray[np.float32]:
        return np.array(self.rules.observe(self.state), np.float32)
