"""Reference policies that are asked in many lanes at once, while somebody else plays."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memory_envs.policies.computed import Foreseer
from memory_envs.policies.decoding import Decoder
from memory_envs.policies.reference import MemorylessPolicy, remembering
from memory_envs.registry.lookup import look_up
from memory_envs.stepping.vector import MemoryVectorEnv

Chances = NDArray[np.float64]


class ReferenceLanes:
    """A reference policy in each lane of a vector environment, which looks on while somebody else plays.

    At every step it is asked what it would do, by `chances`, and then told what was done, by `took`: what it
    remembers is what the player has lived through.
    """

    def __init__(self, name: str, env: Any, seed: int | None = None) -> None:
        """Set the policy up for the lanes of an environment, which it reads itself, whatever wraps it.

        Args:
            name: One of REFERENCES.
            env: A vector environment of this package whose lanes are reset in the step that ends an episode.
            seed: Of what "memoryless" draws in Meta-Fetch.

        Raises:
            TypeError: `env` is no vector environment of this package.
            ValueError: There is no such policy, or it cannot be computed for this environment.
        """
        make = look_up(_ADVISORS, "reference policy", name)
        inner = getattr(env, "unwrapped", env)
        if not isinstance(inner, MemoryVectorEnv):
            raise TypeError(f"env must be a vector environment of memory_envs, got {env}")
        self._env, self._decoder, self._sees_state = inner, Decoder(inner), name == "optimal"
        seeds = np.random.SeedSequence(seed).generate_state(inner.num_envs).tolist()
        self._advisors = [make(inner, each) for each in seeds]

    def chances(self, begun: NDArray[np.bool_]) -> Chances:
        """Return the probability with which each action would be taken now, float64 [N, A].

        Actions that the policy holds for equally good share it evenly.

        Args:
            begun: bool [N], the lanes in which an episode has begun since the last call.

        Raises:
            gymnasium.error.ResetNeeded: What a lane shows cannot follow what it showed before: a step was
                left out, or `begun` or `took` did not tell what happened.
        """
        for lane in np.flatnonzero(begun).tolist():
            self._advisors[lane].reset()
        shown = self._states() if self._sees_state else self._decoder.many(self._env.observe())
        good = np.stack([each.good(seen) for each, seen in zip(self._advisors, shown, strict=True)])
        return good / good.sum(axis=1, keepdims=True)

    def took(self, actions: Any) -> None:
        """Take in which actions were done after the last call of `chances`, integers [N]."""
        for each, action in zip(self._advisors, np.asarray(actions).tolist(), strict=True):
            each.took(action)

    def _states(self) -> list[Any]:
        state, make = self._env.get_state(), self._decoder.task.rules.State
        places = [state["columns"].index(name) for name in make._fields]
        return [make(*(row[place] for place in places)) for row in state["lanes"]]


class _Advisor(Protocol):
    """What is asked in one lane: a `SightPolicy`, or what is called with states."""

    def good(self, shown: Any) -> NDArray[np.bool_]: ...

    def took(self, action: int) -> None: ...

    def reset(self) -> None: ...


class _Reflex:
    """Holds for best what it does at first sight; without anything to do, every action."""

    def __init__(self, num_actions: int, at_sight: Callable[[Any], int] | None) -> None:
        self._actions, self._at_sight = np.arange(num_actions), at_sight

    def good(self, shown: Any) -> NDArray[np.bool_]:
        if self._at_sight is None:
            return np.ones(len(self._actions), dtype=np.bool_)
        chosen: NDArray[np.bool_] = self._actions == self._at_sight(shown)
        return chosen

    def took(self, action: int) -> None:
        pass

    def reset(self) -> None:
        pass


_ADVISORS: dict[str, Callable[[MemoryVectorEnv, int], _Advisor]] = {
    "random": lambda env, seed: _Reflex(env.task.rules.NUM_ACTIONS, None),
    "memoryless": lambda env, seed: _Reflex(
        env.task.rules.NUM_ACTIONS, MemorylessPolicy(env, seed=seed).at_sight
    ),
    "perfect_memory": lambda env, seed: remembering(env.task, env.config),
    "optimal": lambda env, seed: Foreseer(env.task, env.config),
}

REFERENCES = tuple(_ADVISORS)
"""Names of the reference policies."""
