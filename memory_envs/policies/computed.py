"""Policies that are computed: the best without memory, the best with it, and the best with full sight."""

from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.protocol import FiniteEnv, QuestionEnv
from memory_envs.policies.decoding import UnannouncedEpisode
from memory_envs.solvers.beliefs import BELIEF_LIMIT, belief_graph
from memory_envs.solvers.bottleneck import bottleneck, return_bound
from memory_envs.solvers.graph import Graph, TooLarge, enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.planner import Future, best_plan, future, timeless
from memory_envs.solvers.search import best_reactive
from memory_envs.solvers.values import best_policies
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
        self._steps = self._belief = 0
        self._possible = np.flatnonzero(self._solution.beliefs.start).tolist()

    def __call__(self, sight: Sight) -> int:
        """Return the next action.

        Raises:
            UnannouncedEpisode: No state that the history leaves is seen like this, or the time is up.
        """
        action = int(self.good(sight).argmax())
        self.took(action)
        return action

    def good(self, sight: Sight) -> NDArray[np.bool_]:
        """Return the actions that are equally good and best, bool [A]; `took` has to follow.

        Raises:
            UnannouncedEpisode: As in a call.
        """
        beliefs, seen = self._solution.beliefs, key(sight)
        fitting = [each for each in self._possible if beliefs.observations[beliefs.seen[each]] == seen]
        if not fitting or self._steps >= len(self._solution.good):
            raise UnannouncedEpisode
        self._belief = fitting[0]
        self._steps += 1
        chosen: NDArray[np.bool_] = self._solution.good[self._steps - 1, self._belief]
        return chosen

    def took(self, action: int) -> None:
        """Take in which action was done after the last call."""
        beliefs, following, _ = self._solution
        self._possible = following[self._belief * beliefs.num_actions + action]


class Foreseer:
    """Plays one configuration of a task on its whole state: the highest return, and as soon as possible.

    What can follow the first state it is shown is solved at once, by dynamic programming. A state that cannot
    follow that one is solved for in its turn.
    """

    def __init__(self, task: Task, config: Any) -> None:
        """Begin before the first episode."""
        self._rules, self._config = task.rules, config
        self.reset()

    def reset(self) -> None:
        """Begin an episode."""
        self._plan: _DatedPlan | None = None

    def __call__(self, state: Any) -> int:
        """Return the next action."""
        return int(self._plan_of(state).actions[self._now])

    def good(self, state: Any) -> NDArray[np.bool_]:
        """Return the actions that earn as much as any, and as soon, bool [A]."""
        chosen: NDArray[np.bool_] = self._plan_of(state).good[self._now]
        return chosen

    def took(self, action: int) -> None:
        """Do nothing: the next state says what was done."""

    def _plan_of(self, state: Any) -> "_DatedPlan":
        """Return a plan that has the state, and note where."""
        place = timeless(self._rules, state)
        plan = self._plan
        number = None if plan is None else plan.ahead.number.get(place)
        if plan is None or number is None or state.steps - plan.first < plan.ahead.steps[number]:
            left = self._config.max_steps - state.steps
            plan, number = _solved(self._rules, self._config, place, state.steps, left), 0
        self._plan, self._now = plan, (state.steps - plan.first, number)
        return plan


class _DatedPlan(NamedTuple):
    """What can follow the state of step `first`, and what to do then; see `memory_envs.solvers.planner`."""

    ahead: Future
    first: int
    actions: NDArray[np.int8]
    good: NDArray[np.bool_]


@lru_cache(maxsize=16)
def _solved(rules: ModuleType, config: Any, place: Any, first: int, left: int) -> _DatedPlan:
    ahead = future(rules, config, place, left)
    _, actions, good = best_plan(ahead, left)
    return _DatedPlan(ahead, first, actions, good)


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
    """The beliefs an agent can have and the best policies on them.

    Attributes:
        beliefs: The graph of beliefs.
        following: Next beliefs by belief * number of actions + action.
        good: bool [horizon, beliefs, actions], the actions of any of them.
    """

    beliefs: Graph
    following: list[list[int]]
    good: NDArray[np.bool_]


@lru_cache(maxsize=8)
def _best_with_memory(task: Task, config: Any) -> _Solution:
    beliefs = _counted_beliefs(task, config, enumerate_states(task.finite_form(config)))
    following: list[list[int]] = [[] for _ in range(beliefs.reward.size)]
    for pair, target in zip(beliefs.edges.pair.tolist(), beliefs.edges.target.tolist(), strict=True):
        following[pair].append(target)
    return _Solution(beliefs, following, best_policies(beliefs))


def _counted_beliefs(task: Task, config: Any, graph: Graph) -> Graph:
    try:
        return belief_graph(graph)
    except TooLarge as problem:
        raise ValueError(
            f"the histories of {task.name} with {config} leave more than {BELIEF_LIMIT:,} different beliefs "
            "about where the agent is, too many to solve; a view_size of 3 or more leaves few"
        ) from problem
