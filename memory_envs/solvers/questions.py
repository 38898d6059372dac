"""Tasks that name their question: what guessing is worth, what must be held how long, and where it shows."""

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.finite.protocol import QuestionEnv
from memory_envs.solvers.beliefs import BELIEF_LIMIT, belief_graph
from memory_envs.solvers.graph import Graph
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import Value, best, best_actions, best_policy

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class QuestionLeak:
    """An observation that shows the question where it should have to be remembered.

    Attributes:
        place: Where the agent is.
        picture: What it sees, as lines of text.
        question: The question that shows.
    """

    place: str
    picture: str
    question: str


class Moment(NamedTuple):
    """A step of an optimal trajectory: the state, its observation and the action taken."""

    state: int
    seen: int
    action: int


Trajectory = tuple[Moment, ...]


def guessing(env: QuestionEnv, graph: Graph, limit: int = BELIEF_LIMIT) -> tuple[Value, Value]:
    """Return the most that can be had without ever seeing the question, all else in plain view.

    The first is for the return, the second for success. Every observation is replaced by the state's `rest`,
    and perfect memory plays that task.

    Raises:
        TooLarge: There are more than `limit` beliefs.
    """
    numbers: dict[Hashable, int] = {}
    seen = np.array([numbers.setdefault(env.rest(state), len(numbers)) for state in graph.states])
    blind = belief_graph(lumped(replace(graph, seen=seen, observations=tuple(numbers))), limit)
    return best(blind), best(blind.scoring_success())


def entropy(env: QuestionEnv, graph: Graph) -> float:
    """Return the bits of the question, given how often each first state is drawn."""
    chances: dict[Hashable, float] = {}
    for number in graph.start.nonzero()[0]:
        question = env.question(graph.states[number])
        chances[question] = chances.get(question, 0.0) + float(graph.start[number])
    return -sum(each * math.log2(each) for each in chances.values()) + 0.0


def revealing(env: QuestionEnv, graph: Graph) -> Mask:
    """Return in which states, bool [S], another question with all else equal would be seen to be another."""
    shows = np.zeros(graph.num_states, dtype=np.bool_)
    for siblings in _siblings(env, graph):
        shows[siblings] = len(set(graph.seen[siblings].tolist())) > 1
    return shows


def leaks(env: QuestionEnv, graph: Graph) -> list[QuestionLeak]:
    """Return the reachable observations that show the question where it should have to be remembered.

    That is where the task itself says so (`must_hide`), and at choices: where no action is best for every
    question at once, so that whoever looks can choose without having remembered anything.
    """
    shows, good = revealing(env, graph), best_actions(graph)
    found = []
    for siblings in _siblings(env, graph):
        is_choice = not good[siblings].all(axis=0).any()
        for number in siblings:
            state = graph.states[number]
            if shows[number] and (is_choice or env.must_hide(state)):
                found.append(
                    QuestionLeak(str(env.place(state)), env.picture(state), str(env.question(state)))
                )
    return list(dict.fromkeys(found))


def optimal_trajectories(graph: Graph, limit: int = BELIEF_LIMIT) -> list[Trajectory] | None:
    """Return how perfect memory plays from each start, or None when chance has a say after the start.

    Raises:
        TooLarge: There are more than `limit` beliefs.
    """
    if graph.table is None:
        return None
    beliefs = belief_graph(graph, limit)
    _, policy = best_policy(beliefs)
    label = {seen: number for number, seen in enumerate(graph.observations)}
    seen = np.array([label[each] for each in beliefs.observations])[beliefs.seen]
    pair, _, target = beliefs.edges
    moves = zip(pair.tolist(), seen[target].tolist(), target.tolist(), strict=True)
    following = {(number, observed): belief for number, observed, belief in moves}
    first = {int(seen[number]): int(number) for number in beliefs.start.nonzero()[0]}
    return [_trajectory(graph, int(start), first, following, policy) for start in graph.start.nonzero()[0]]


def actions_at_equal_sight(trajectories: list[Trajectory]) -> int:
    """Return the largest number of different actions that trajectories take at one observation."""
    taken: dict[int, set[int]] = {}
    for moment in (moment for each in trajectories for moment in each):
        taken.setdefault(moment.seen, set()).add(moment.action)
    return max(map(len, taken.values()), default=0)


def held(env: QuestionEnv, graph: Graph, trajectories: list[Trajectory]) -> list[int]:
    """Return for each trajectory the steps from the last sight of the question to the last choice by it.

    A choice by the question is an action that the trajectories of another question never take although they
    come to the same place and see the same there. Trajectories without such a choice, or without a sight of
    the question before it, are left out.
    """
    shows = revealing(env, graph)
    taken: dict[Hashable, dict[Hashable, set[int]]] = {}
    for moment in (moment for each in trajectories for moment in each):
        state = graph.states[moment.state]
        by_question = taken.setdefault((env.rest(state), moment.seen), {})
        by_question.setdefault(env.question(state), set()).add(moment.action)
    spans = []
    for trajectory in trajectories:
        choices = [now for now, moment in enumerate(trajectory) if _is_choice(env, graph, moment, taken)]
        sights = [now for now, moment in enumerate(trajectory) if shows[moment.state]]
        before = [now for now in sights if choices and now <= choices[-1]]
        if before:
            spans.append(choices[-1] - before[-1])
    return spans


def _is_choice(
    env: QuestionEnv, graph: Graph, moment: Moment, taken: dict[Hashable, dict[Hashable, set[int]]]
) -> bool:
    state = graph.states[moment.state]
    by_question = taken[env.rest(state), moment.seen]
    return any(
        moment.action not in actions
        for question, actions in by_question.items()
        if question != env.question(state)
    )


def _siblings(env: QuestionEnv, graph: Graph) -> list[list[int]]:
    """Return the groups of states that differ in the question alone, with two members or more."""
    groups: dict[Hashable, list[int]] = {}
    for number, state in enumerate(graph.states):
        groups.setdefault(env.rest(state), []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def _trajectory(
    graph: Graph, state: int, first: Any, following: Any, policy: NDArray[np.int16]
) -> Trajectory:
    assert graph.table is not None
    belief, moments = first[int(graph.seen[state])], []
    for now in range(graph.horizon):
        action = int(policy[now, belief])
        moments.append(Moment(state, int(graph.seen[state]), action))
        state = int(graph.table[state * graph.num_actions + action])
        if state == graph.num_states or now + 1 == graph.horizon:
            break
        belief = following[belief * graph.num_actions + action, int(graph.seen[state])]
    return tuple(moments)
