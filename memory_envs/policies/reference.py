"""Reference policies: what random actions, acting on sight, perfect memory and full sight are worth.

Each is called with an observation and returns an action; `reset()` tells it that an episode begins, and
`took()` that another action was done than the one it returned.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from numpy.typing import NDArray

from memory_envs.policies.computed import Believer, Foreseer, best_table, key
from memory_envs.policies.decoding import Decoder
from memory_envs.registry.lookup import look_up
from memory_envs.task import Sight, SightPolicy, Task


class Policy(Protocol):
    """What every policy for a single environment can do."""

    def __call__(self, observation: Any) -> int:
        """Return the next action."""

    def reset(self) -> None:
        """Begin an episode; called after the environment's own `reset`."""


class ReferencePolicy(Policy, Protocol):
    """A policy that can be asked at every step of an episode that somebody else plays."""

    def took(self, action: int) -> None:
        """Take in which action was done after the last call, its own or another."""


class RandomPolicy:
    """Every action with equal probability, whatever is observed.

    Made for the action space of a single environment it returns an integer, for that of a vector environment
    an int64 array of one action per lane.
    """

    def __init__(self, action_space: Discrete | MultiDiscrete, seed: int | None = None) -> None:
        """Seed the policy, or leave it unseeded.

        Raises:
            TypeError: The space is neither Discrete nor MultiDiscrete.
            ValueError: The lanes have different actions.
        """
        if not isinstance(action_space, (Discrete, MultiDiscrete)):
            raise TypeError(f"action_space must be Discrete or MultiDiscrete, got {action_space}")
        self._single = isinstance(action_space, Discrete)
        counts = np.atleast_1d(action_space.n if isinstance(action_space, Discrete) else action_space.nvec)
        starts = np.atleast_1d(action_space.start)
        if (counts != counts[0]).any() or (starts != starts[0]).any():
            raise ValueError(f"action_space must be the same in every lane, got {action_space}")
        self._first, self._n, self._lanes = int(starts[0]), int(counts[0]), len(counts)
        self._generator = np.random.default_rng(seed)

    def __call__(self, observation: Any) -> int | NDArray[np.int64]:
        """Return the next action or actions."""
        if self._single:
            return self._first + int(self._generator.integers(self._n))
        return self._first + self._generator.integers(self._n, size=self._lanes)

    def took(self, action: Any) -> None:
        """Do nothing: what was done does not matter to it."""

    def reset(self) -> None:
        """Do nothing: episodes do not matter to it."""


class MemorylessPolicy:
    """Acts on what is in the window now, and on nothing else.

    The default is what the task names, or else the best deterministic policy of this kind that the
    certificate's search finds. I-Maze names none. In Meta-Fetch it is a network that was trained, not proved
    to be best: the one that ships for the settings (time limit and split aside), else for a room of another
    size, else the rule `memory_envs.policies.reactive.approach`.
    """

    def __init__(
        self,
        env: Any,
        table: Mapping[bytes, int | NDArray[np.float64]] | None = None,
        seed: int | None = None,
    ) -> None:
        """Set the policy up for an environment; a vector environment takes one policy per lane.

        Args:
            env: An environment of this package.
            table: By the bytes of a window's tile codes, an action or the probability of each action. A
                window that is not in it gets a random action. None takes the default.
            seed: Of what is drawn.

        Raises:
            TypeError: `env` is none of this package.
            ValueError: `table` is None, and there are too many beliefs for a search, as for
                `PerfectMemoryPolicy`.
        """
        self._decoder = Decoder(env)
        task, config = self._decoder.task, self._decoder.config
        self._generator = np.random.default_rng(seed)
        self.at_sight: Callable[[Sight], int]
        if table is not None:
            self.at_sight = lambda sight: self._looked_up(table.get(sight.window.tobytes()))
        elif task.memoryless is not None:
            self.at_sight = task.memoryless(config, self._generator)
        else:
            found = best_table(task, config)
            self.at_sight = lambda sight: self._looked_up(found.get(key(sight)))

    def __call__(self, observation: Any) -> int:
        """Return the next action.

        Raises:
            ValueError: The observation is not as the bare environment shows it.
        """
        return self.at_sight(self._decoder(observation))

    def took(self, action: int) -> None:
        """Do nothing: there is nothing to remember."""

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""

    def _looked_up(self, entry: int | NDArray[np.float64] | None) -> int:
        if isinstance(entry, (int, np.integer)):
            return int(entry)
        return int(self._generator.choice(self._decoder.task.rules.NUM_ACTIONS, p=entry))


class PerfectMemoryPolicy:
    """Acts on the observations of the episode so far, of which it forgets nothing.

    It is what the task names, or else the best policy of the kind, exactly, which weighs everything that the
    history leaves possible. I-Maze names none. In Meta-Fetch it is a good one, not proved to be best: see
    `memory_envs.policies.fetching.Fetcher`.
    """

    def __init__(self, env: Any) -> None:
        """Set the policy up for an environment; a vector environment takes one policy per lane.

        Raises:
            TypeError: `env` is none of this package.
            ValueError: The window is too small for Meta-Fetch to be played this way, or for the beliefs in a
                maze to be counted: with `view_size=1` an agent hardly ever learns where it looks.
        """
        self._decoder = Decoder(env)
        self._policy = remembering(self._decoder.task, self._decoder.config)

    def __call__(self, observation: Any) -> int:
        """Return the next action.

        Raises:
            gymnasium.error.ResetNeeded: The observation cannot follow those before it: `reset` was forgotten.
            ValueError: The observation is not as the bare environment shows it.
        """
        return self._policy(self._decoder(observation))

    def took(self, action: int) -> None:
        """Take in which action was done after the last call, its own or another."""
        self._policy.took(action)

    def reset(self) -> None:
        """Forget the last episode."""
        self._policy.reset()


class OptimalPolicy:
    """Acts on the whole state, whatever is observed: the highest return there is, and as soon as possible.

    Each episode is solved when it begins, by dynamic programming over all that can follow.
    """

    def __init__(self, env: Any) -> None:
        """Set the policy up for a single environment, whose state it will read.

        Raises:
            TypeError: `env` is no single environment of this package.
        """
        decoder = Decoder(env)
        if not isinstance(env, gymnasium.Env):
            raise TypeError(f"env must be a single environment, got {env}")
        self._rules, self._policy = decoder.task.rules, Foreseer(decoder.task, decoder.config)
        self._env: Any = env.unwrapped
        self._episode: tuple[int, int] | None = None

    def __call__(self, observation: Any = None) -> int:
        """Return the next action."""
        values, episode = self._env.get_state(), (self._env.stream, self._env.episode)
        if episode != self._episode:
            self._episode = episode
            self._policy.reset()
        return self._policy(self._rules.State(*(values[name] for name in self._rules.State._fields)))

    def took(self, action: int) -> None:
        """Do nothing: it sees what was done."""

    def reset(self) -> None:
        """Forget the solution of the last episode."""
        self._policy.reset()


def remembering(task: Task, config: Any) -> SightPolicy:
    """Return the reference policy with perfect memory for one configuration of a task.

    Raises:
        ValueError: As `PerfectMemoryPolicy`.
    """
    return task.perfect_memory(config) if task.perfect_memory else Believer(task, config)


def reference_policy(name: str, env: Any, seed: int | None = None) -> ReferencePolicy:
    """Return a reference policy for a single environment of this package.

    Args:
        name: "random", "memoryless", "perfect_memory" or "optimal".
        env: What it will play.
        seed: Of what it draws; perfect memory and the optimum draw nothing.

    Raises:
        TypeError: `env` is none of this package.
        ValueError: There is no such policy; says which there are.
    """
    policy: ReferencePolicy = look_up(_REFERENCES, "reference policy", name)(env, seed)
    return policy


_REFERENCES: dict[str, Callable[[Any, int | None], Any]] = {
    "random": lambda env, seed: RandomPolicy(env.action_space, seed),
    "memoryless": lambda env, seed: MemorylessPolicy(env, seed=seed),
    "perfect_memory": lambda env, seed: PerfectMemoryPolicy(env),
    "optimal": lambda env, seed: OptimalPolicy(env),
}
