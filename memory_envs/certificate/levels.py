"""What each way to play is worth, for one objective: the return or success."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from memory_envs.certificate.bounds import ROUNDING, Bounds
from memory_envs.certificate.effort import Effort
from memory_envs.solvers.ascent import best_stochastic
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.graph import Graph, TooLarge
from memory_envs.solvers.imitation import imitated
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.search import SearchResult, best_reactive
from memory_envs.solvers.values import Value, best, evaluate, uniform


class Remembered(NamedTuple):
    """A task, and the task of an agent that remembers what happens in it.

    Attributes:
        graph: The task, with equal states merged.
        beliefs: Its graph of beliefs; None where there are too many.
    """

    graph: Graph
    beliefs: Graph | None

    @classmethod
    def of(cls, full: Graph, limit: int) -> "Remembered":
        """Return both from a graph of all states; more than `limit` beliefs are too many."""
        graph = lumped(full)
        try:
            return cls(graph, belief_graph(graph, limit))
        except TooLarge:
            return cls(graph, None)

    @property
    def smaller(self) -> Graph:
        """Where to look for policies without memory: among beliefs, where there are not too many."""
        return self.graph if self.beliefs is None else self.beliefs

    def scoring_success(self) -> "Remembered":
        """Return both with a reward of 1 for ending well and none for anything else."""
        beliefs = None if self.beliefs is None else self.beliefs.scoring_success()
        return Remembered(self.graph.scoring_success(), beliefs)


@dataclass(frozen=True, eq=False)
class Solved:
    """What was found for one objective; the levels are those of `memory_envs.certificate.Certificate`.

    Attributes:
        steps: Expected steps of an episode, by level.
    """

    random: Bounds
    deterministic: Bounds
    memoryless: Bounds
    perfect_memory: Bounds
    optimum: Bounds
    imitation: Bounds | None
    imitation_at_most: Bounds | None
    steps: dict[str, float | None]


def solved(task: Remembered, memory: Remembered, effort: Effort, ceiling: float | None) -> Solved:
    """Compute all levels of one objective, the rewards of the graphs.

    Args:
        task: The task, in which policies without memory act.
        memory: The same for perfect memory, which may remember rewards too.
        effort: Limits.
        ceiling: No policy without memory is worth more, as far as known.
    """
    graph = task.graph
    random, optimum = evaluate(graph, uniform(graph)), best(graph)
    remembered = None if memory.beliefs is None else best(memory.beliefs)
    students = None if memory.beliefs is None else imitated(memory.graph, memory.beliefs)
    most = (remembered or optimum).episode_return
    ceiling = most if ceiling is None else min(ceiling, most)
    found = best_reactive(task.smaller, effort.node_limit, ceiling)
    if graph.is_passive:  # then the return is linear in each probability, and most at a deterministic policy
        ceiling = min(ceiling, found.upper)
    policy = _policy(task, found)
    searched = evaluate(graph, policy)
    value = _improved(graph, policy, searched, effort, ceiling)
    memoryless = between(value.episode_return, ceiling, "the best policy found", "a bound on all policies")
    return Solved(
        random=Bounds.exactly(random.episode_return),
        deterministic=between(
            searched.episode_return, min(found.upper, ceiling), "the best policy found", "branch and bound"
        ),
        memoryless=memoryless,
        perfect_memory=_perfect_memory(remembered, memoryless, optimum),
        optimum=Bounds.exactly(optimum.episode_return),
        imitation=None if students is None else Bounds.exactly(students.drawn.episode_return),
        imitation_at_most=None if students is None else Bounds.exactly(students.at_most.episode_return),
        steps={
            "random": random.steps,
            "deterministic": searched.steps,
            "memoryless": value.steps,
            "perfect_memory": None if remembered is None else remembered.steps,
            "optimum": optimum.steps,
            "imitation": None if students is None else students.drawn.steps,
            "imitation_at_most": None if students is None else students.at_most.steps,
        },
    )


def without_memory(full: Graph, effort: Effort) -> Bounds:
    """Return what the best deterministic policy without memory is worth, for the rewards of a graph."""
    found = best_reactive(Remembered.of(full, effort.belief_limit).smaller, effort.node_limit)
    return between(found.lower, found.upper, "the best policy found", "branch and bound")


def between(lower: float, upper: float, below: str, above: str) -> Bounds:
    """Return bounds, with where each comes from."""
    return Bounds.between(lower, upper, f"lower end: {below}; upper end: {above}")


def _improved(graph: Graph, policy: np.ndarray, searched: Value, effort: Effort, ceiling: float) -> Value:
    """Return the best value of a policy without memory; no ascent where the search met the ceiling."""
    if searched.episode_return >= ceiling - ROUNDING:
        return searched
    climbed = best_stochastic(
        graph, near=policy, iterations=effort.iterations, restarts=effort.restarts, seed=effort.seed
    )
    if climbed.value <= searched.episode_return:
        return searched
    return evaluate(graph, climbed.policy)


def _policy(task: Remembered, found: SearchResult) -> np.ndarray:
    """Return the policy that was found, [O, A], in the numbering of the task's own observations."""
    actions = dict(zip(task.smaller.observations, found.actions.tolist(), strict=True))
    # A belief graph lacks what is seen in no step of an episode: any action will do there.
    return np.eye(task.graph.num_actions)[[actions.get(seen, 0) for seen in task.graph.observations]]


def _perfect_memory(value: Value | None, memoryless: Bounds, optimum: Value) -> Bounds:
    if value is not None:
        return Bounds.exactly(value.episode_return)
    return between(memoryless.lower, optimum.episode_return, "the best policy without memory", "the optimum")
