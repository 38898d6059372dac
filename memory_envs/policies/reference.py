"""Reference policies: what chance, reflexes, perfect memory and full sight are worth.

Each is called with an observation and returns an action; `reset()` tells it that an episode begins.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from numpy.typing import NDArray

from memory_envs.policies.decoding import Decoder, Sight
from memory_envs.policies.fetching import Fetcher
from memory_envs.policies.reflexes import Reflexes, drawn, one_hot, shipped, shipped_for_another_size
from memory_envs.rules import imaze, meta_fetch
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT
from memory_envs.solvers.planner import best_play, future, timeless
from registry.lookup import look_up

HASTE = 0.97
"""How often the memoryless rule of Meta-Fetch acts as it should, and not at random."""

PERSISTENCE = 0.5
"""How often it walks on where it sees no object and no wall ahead."""


class Policy(Protocol):
    """What every policy for a single environment can do."""

    def __call__(self, observation: Any) -> int:
        """Return the next action."""

    def reset(self) -> None:
        """Begin an episode; called after the environment's own `reset`."""


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

    def reset(self) -> None:
        """Do nothing: episodes do not matter to it."""


class MemorylessPolicy:
    """Acts on what is in the window now, and on nothing else.

    In I-Maze the default is the best deterministic policy of this kind that the certificate's search finds.
    In Meta-Fetch it is a network that was improved, not proved to be best: the one that ships for the
    settings (time limit and split aside), else for a room of another size, else the rule `approach`.
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
            ValueError: `table` is None, and the beliefs in the maze are too many to be counted, as for
                `PerfectMemoryPolicy`.
        """
        self._decoder = Decoder(env)
        if table is None and self._decoder.rulebook is imaze:
            table = _best_reflexes(self._decoder.config)
        self._table = table
        self._reflexes = _shipped_reflexes(self._decoder) if table is None else None
        self._generator = np.random.default_rng(seed)

    def __call__(self, observation: Any) -> int:
        """Return the next action."""
        window, notes = self._decoder(observation)
        if self._reflexes is not None:
            return int(drawn(self._reflexes(one_hot(window, notes)), self._generator)[0])
        if self._table is None:
            return approach(window, self._generator)
        entry = self._table.get(window.tobytes())
        if isinstance(entry, (int, np.integer)):
            return int(entry)
        return int(self._generator.choice(self._decoder.rulebook.NUM_ACTIONS, p=entry))

    def reset(self) -> None:
        """Do nothing: there is nothing to forget."""


class PerfectMemoryPolicy:
    """Acts on the observations of the episode so far, of which it forgets nothing.

    In I-Maze this is the best policy of the kind, exactly: it weighs everything that the history leaves
    possible. In Meta-Fetch it is a good one, not proved to be best: see
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
        config = self._decoder.config
        self._player: Fetcher | _Believer
        self._player = Fetcher(config) if self._decoder.rulebook is meta_fetch else _Believer(config)

    def __call__(self, observation: Any) -> int:
        """Return the next action."""
        return self._player(self._decoder(observation))

    def reset(self) -> None:
        """Forget the last episode."""
        self._player.reset()


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
        self._rulebook, self._config = decoder.rulebook, decoder.config
        self._env: Any = env.unwrapped
        self._solve = lru_cache(maxsize=1)(self._solved)

    def __call__(self, observation: Any = None) -> int:
        """Return the next action."""
        state = self._state()
        ahead, first, actions = self._solve(self._env.stream, self._env.episode)
        return int(actions[state.steps - first, ahead.number[timeless(self._rulebook, state)]])

    def reset(self) -> None:
        """Forget the solution of the last episode."""
        self._solve.cache_clear()

    def _state(self) -> Any:
        values = self._env.get_state()
        return self._rulebook.State(*(values[name] for name in self._rulebook.State._fields))

    def _solved(self, stream: int, episode: int) -> Any:
        state = self._state()
        ahead = future(self._rulebook, self._config, state)
        return ahead, state.steps, best_play(ahead, self._config.max_steps - state.steps).actions


def approach(window: NDArray[np.uint8], generator: np.random.Generator) -> int:
    """Return an action that mostly takes the agent towards the nearest object in its window.

    Distance is counted in steps, a turn being one; an object underfoot does not count. One step in
    1 / (1 - HASTE) is drawn instead, for who always does the same walks to and fro between two wrong objects
    for ever. Where no object is visible, the agent mostly walks on, and turns before a wall.
    """
    if generator.random() > HASTE:
        return int(generator.integers(meta_fetch.NUM_ACTIONS))
    rows, columns = np.nonzero(window >= meta_fetch.OBJECT)
    ahead, right = len(window) - 1 - rows, columns - len(window) // 2
    steps = np.where((ahead > 0) | (right != 0), ahead + np.abs(right) + (right != 0), _UNDERFOOT)
    if steps.min(initial=_UNDERFOOT) == _UNDERFOOT:
        return _search(window, generator)
    nearest = generator.choice(np.flatnonzero(steps == steps.min()))
    if ahead[nearest] > 0:
        return FORWARD
    return TURN_RIGHT if right[nearest] > 0 else TURN_LEFT


def _search(window: NDArray[np.uint8], generator: np.random.Generator) -> int:
    faces_wall = len(window) > 1 and window[-2, len(window) // 2] == meta_fetch.WALL
    if not faces_wall and generator.random() < PERSISTENCE:
        return FORWARD
    return int(generator.choice([TURN_LEFT, TURN_RIGHT]))


_UNDERFOOT = 10**6


def _shipped_reflexes(decoder: Decoder) -> Reflexes | None:
    if decoder.rulebook is not meta_fetch:
        return None
    return shipped(decoder.config) or shipped_for_another_size(decoder.config)


class _Solution(NamedTuple):
    """The beliefs an agent in a maze can have and the best policy on them."""

    beliefs: Any
    following: list[list[int]]
    """Next beliefs by belief * number of actions + action."""
    actions: NDArray[np.int16]


class _Believer:
    """Plays one configuration of I-Maze by the beliefs that its history leaves."""

    def __init__(self, config: imaze.Config) -> None:
        self._solution = _best_with_memory(config)
        self.reset()

    def reset(self) -> None:
        self._steps = 0
        self._possible = np.flatnonzero(self._solution.beliefs.start).tolist()

    def __call__(self, sight: Sight) -> int:
        beliefs, following, actions = self._solution
        seen = sight.window.tobytes()
        belief = next(each for each in self._possible if beliefs.observations[beliefs.seen[each]] == seen)
        action = int(actions[self._steps, belief])
        self._possible = following[belief * beliefs.num_actions + action]
        self._steps += 1
        return action


# The solvers of the certificate are imported where they are used: the certificate plays these policies.


@lru_cache(maxsize=8)
def _best_with_memory(config: imaze.Config) -> _Solution:
    from memory_envs.finite.imaze import IMazeTask
    from memory_envs.solvers.graph import enumerate_states
    from memory_envs.solvers.values import best_policy

    beliefs = _counted_beliefs(config, enumerate_states(IMazeTask(config)))
    following: list[list[int]] = [[] for _ in range(beliefs.reward.size)]
    for pair, target in zip(beliefs.edges.pair.tolist(), beliefs.edges.target.tolist(), strict=True):
        following[pair].append(target)
    return _Solution(beliefs, following, best_policy(beliefs)[1])


@lru_cache(maxsize=8)
def _best_reflexes(config: imaze.Config) -> dict[Any, int]:
    from memory_envs.finite.imaze import IMazeTask
    from memory_envs.solvers.graph import enumerate_states
    from memory_envs.solvers.partition import lumped
    from memory_envs.solvers.search import best_reactive

    beliefs = _counted_beliefs(config, lumped(enumerate_states(IMazeTask(config))))
    return dict(zip(beliefs.observations, best_reactive(beliefs).actions.tolist(), strict=True))


def _counted_beliefs(config: imaze.Config, graph: Any) -> Any:
    from memory_envs.solvers.beliefs import BELIEF_LIMIT, belief_graph
    from memory_envs.solvers.graph import TooLarge

    try:
        return belief_graph(graph)
    except TooLarge as problem:
        raise ValueError(
            f"with size={config.size} and view_size={config.view_size} the histories of this maze leave more "
            f"than {BELIEF_LIMIT:,} different beliefs about where the agent is, too many to solve; "
            "a view_size of 3 or more leaves few"
        ) from problem


def reference_policy(name: str, env: Any, seed: int | None = None) -> Policy:
    """Return a reference policy for a single environment of this package.

    Args:
        name: "random", "memoryless", "perfect_memory" or "optimal".
        env: What it will play.
        seed: Of what it draws; perfect memory and the optimum draw nothing.

    Raises:
        TypeError: `env` is none of this package.
        ValueError: There is no such policy; says which there are.
    """
    policy: Policy = look_up(_REFERENCES, "reference policy", name)(env, seed)
    return policy


_REFERENCES: dict[str, Callable[[Any, int | None], Any]] = {
    "random": lambda env, seed: RandomPolicy(env.action_space, seed),
    "memoryless": lambda env, seed: MemorylessPolicy(env, seed=seed),
    "perfect_memory": lambda env, seed: PerfectMemoryPolicy(env),
    "optimal": lambda env, seed: OptimalPolicy(env),
}
