"""Policies computed from the finite form of a task: the best without memory, and the best with it."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.protocol import FiniteEnv, QuestionEnv
from memory_envs.policies.decoding import UnannouncedEpisode
from memory_envs.solvers.beliefs import BELIEF_LIMIT, belief_graph
from memory_envs.solvers.bottleneck import bottleneck, return_bound
from memory_envs.solvers.graph import Graph, TooLarge, enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best_policy
from memory_envs.task import Sight, Task


class Believer:
    """Plays one configuration of a task by the beliefs that its history leaves."""

    def __init__(self, task: Task, config: Any) -> None:
        """Solve the task, unless that was done before.

        Raises:
            ValueError: There are too many beliefs.
        """
        self._solution = _best_with_memory(task, config)
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self._steps = 0
        self._possible = np.flatnonzero(self._solution.beliefs.start).tolist()

    def __call__(self, sight: Sight) -> int:
        """Return the next action.

        Raises:
            UnannouncedEpisode: No state that the history leaves is seen like this, or the time is up.
        """
        beliefs, following, actions = self._solution
        seen = key(sight)
        fitting = [each for each in self._possible if beliefs.observations[beliefs.seen[each]] == seen]
        if not fitting or self._steps >= len(actions):
            raise UnannouncedEpisode
        belief = fitting[0]
        action = int(actions[self._steps, belief])
        self._possible = following[belief * beliefs.num_actions + action]
        self._steps += 1
        return action


def key(sight: Sight) -> bytes:
    """Return what stands for a sight in the finite forms of rulebooks."""
    return sight.window.tobytes() + sight.notes.tobytes()


@lru_cache(maxsize=8)
def best_table(task: Task, config: Any) -> dict[Any, int]:
    """Return the best deterministic policy without memory that the search finds, `key` to action.

    Raises:
        ValueError: There are too many beliefs.
    """
    form = task.finite_form(config)
    full = enumerate_states(form)
    beliefs = _counted_beliefs(task, config, lumped(full))
    found = best_reactive(beliefs, ceiling=_ceiling(form, full))
    return dict(zip(beliefs.observations, found.actions.tolist(), strict=True))


def _ceiling(form: FiniteEnv, full: Graph) -> float:
    """Return what no policy without memory is known to exceed: where one is worth it, the search can end."""
    narrow = bottleneck(full, map(form.place, full.states)) if isinstance(form, QuestionEnv) else None
    bound = None if narrow is None else return_bound(full, narrow.success)
    return np.inf if bound is None else bound


class _Solution(NamedTuple):
    """The beliefs an agent can have and the best policy on them.

    Attributes:
        beliefs: The graph of beliefs.
        following: Next beliefs by belief * number of actions + action.
        actions: int16 [horizon, beliefs].
    """

    beliefs: Graph
    following: list[list[int]]
    actions: NDArray[np.int16]


@lru_cache(maxsize=8)
def _best_with_memory(task: Task, config: Any) -> _Solution:
    beliefs = _counted_beliefs(task, config, enumerate_states(task.finite_form(config)))
    following: list[list[int]] = [[] for _ in range(beliefs.reward.size)]
    for pair, target in zip(beliefs.edges.pair.tolist(), beliefs.edges.target.tolist(), strict=True):
        following[pair].append(target)
    return _Solution(beliefs, following, best_policy(beliefs)[1])


def _counted_beliefs(task: Task, config: Any, graph: Graph) -> Graph:
    try:
        return belief_graph(graph)
    except TooLarge as problem:
        raise ValueError(
            f"the histories of {task.name} with {config} leave more than {BELIEF_LIMIT:,} different beliefs "
            "about where the agent is, too many to solve; a view_size of 3 or more leaves few"
        ) from problem
