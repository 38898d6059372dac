"""Plays environments and vector environments alike: seeded, with drawn actions, resetting what has ended."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from memory_envs.testing.failure import demand_same
from memory_envs.testing.source import AnyEnv, AnyVectorEnv

_RESET = ("observation", "info")
_STEP = ("observation", "reward", "terminated", "truncated", "info")


class Call(NamedTuple):
    """One call of `reset` or `step`.

    Attributes:
        step: Its number, from 0.
        action: The object that was played; None for a reset.
        drawn: A copy of it from before the call.
        result: What was returned, by name.
    """

    step: int
    action: Any
    drawn: Any
    result: dict[str, Any]


class Player:
    """Plays one environment; the same seed and calls draw the same actions in every process."""

    def __init__(self, env: AnyEnv | AnyVectorEnv, seed: int) -> None:
        """Take an environment that may be in any state; nothing is called yet."""
        self.env: Any = env
        self.calls = 0
        self._space: gymnasium.Space[Any] = copy.deepcopy(env.action_space)
        self._space.seed(seed)
        self._ended: Any = False

    def reset(self, seed: Any = None) -> Call:
        """Reset, all lanes if there are several."""
        return self._reset(seed=seed)

    def advance(self) -> Call:
        """Reset what has ended and is not reset by itself, else play a drawn action."""
        if np.any(self._ended):
            lanes = isinstance(self.env, VectorEnv)
            return self._reset(options={"reset_mask": self._ended.copy()}) if lanes else self._reset()
        return self.step(self._space.sample())

    def step(self, action: Any) -> Call:
        """Play one action."""
        drawn = copy.deepcopy(action)
        result = dict(zip(_STEP, self.env.step(action), strict=True))
        # Taken at once: whoever gets the result may write over it.
        self._ended = _awaiting_reset(self.env, result["terminated"], result["truncated"])
        return self._called(action, drawn, result)

    def fork(self, env: AnyEnv | AnyVectorEnv) -> "Player":
        """Return a player that will call `env` as this player would go on with its own environment."""
        other = copy.copy(self)
        other.env, other._space = env, copy.deepcopy(self._space)
        return other

    def _reset(self, **arguments: Any) -> Call:
        result = dict(zip(_RESET, self.env.reset(**arguments), strict=True))
        self._ended = False
        return self._called(None, None, result)

    def _called(self, action: Any, drawn: Any, result: dict[str, Any]) -> Call:
        self.calls += 1
        return Call(self.calls - 1, action, drawn, result)


def play(env: AnyEnv | AnyVectorEnv, steps: int, seed: int) -> Iterator[Call]:
    """Yield a seeded reset and `steps` calls after it."""
    player = Player(env, seed)
    yield player.reset(seed)
    for _ in range(steps):
        yield player.advance()


def recorded(env: AnyEnv | AnyVectorEnv, steps: int, seed: int) -> list[Call]:
    """Return copies of what `play` yields."""
    return [copy.deepcopy(call) for call in play(env, steps, seed)]


def demand_same_calls(check: str, message: str, calls: Iterable[Call], expected: Iterable[Call]) -> None:
    """Raise for the first call whose result differs from what it should be.

    Raises:
        ConformanceError: Naming the call.
    """
    for got, want in zip(calls, expected, strict=True):
        demand_same(check, message, got.result, want.result, step=want.step)


def _awaiting_reset(env: Any, terminated: Any, truncated: Any) -> Any:
    if not isinstance(env, VectorEnv):
        return terminated or truncated
    disabled = env.metadata.get("autoreset_mode") == AutoresetMode.DISABLED
    return terminated | truncated if disabled else False
