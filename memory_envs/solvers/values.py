"""What policies are worth, exactly: no episode is sampled."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Floats, Graph

TIE = 1e-12
"""Values this close count as equal."""


class Value(NamedTuple):
    """What a policy is worth.

    Attributes:
        episode_return: Expected sum of rewards of an episode.
        success: Probability that an episode ends well.
        steps: Expected steps of an episode, truncated ones included.
    """

    episode_return: float
    success: float
    steps: float


def evaluate(graph: Graph, policy: Floats) -> Value:
    """Return the value of a policy that acts on the observation alone.

    Args:
        graph: S states, O observations, A actions.
        policy: float64 [O, A], the probability of each action.
    """
    chances = policy[graph.seen]
    alive, visits = graph.start, np.zeros(graph.num_states)
    for _ in range(graph.horizon):
        visits += alive
        alive = graph.flow(alive[:, None] * chances)
        if not alive.any():
            break
    acted = visits[:, None] * chances
    return Value(
        float((acted * graph.reward).sum()), float((acted * graph.success).sum()), float(visits.sum())
    )


def uniform(graph: Graph) -> Floats:
    """Return the policy, [O, A], that takes every action equally often."""
    return np.full((len(graph.observations), graph.num_actions), 1 / graph.num_actions)


def best(graph: Graph) -> Value:
    """Return the value of the best policy that sees the state and counts the steps.

    Dynamic programming from the horizon backwards. Among the policies of the highest expected return, it is
    the one with the fewest expected steps.
    """
    return best_policy(graph)[0]


def best_policy(graph: Graph) -> tuple[Value, NDArray[np.int16]]:
    """Return the value of `best` and its policy, int16 [horizon, S]: the action in step t and state s."""
    values = np.zeros((3, graph.num_states))
    policy = np.empty((graph.horizon, graph.num_states), dtype=np.int16)
    for now in reversed(range(graph.horizon)):
        values, policy[now] = best_choices(graph, values)
    return Value(*(float(graph.start @ each) for each in values)), policy


def best_choices(
    graph: Graph, values: Floats, allowed: NDArray[np.bool_] | None = None
) -> tuple[Floats, NDArray[np.int64]]:
    """Return what `best` is worth with one step more to go, [3, S], and the actions of that step, int64 [S].

    Args:
        graph: The task.
        values: float64 [3, S], return, success and steps from the next step on.
        allowed: bool [S, A], the actions that may be taken, one at least in each state; None allows all.
    """
    return _chosen(lookahead(graph, values), allowed)


def best_actions(graph: Graph) -> NDArray[np.bool_]:
    """Return which first actions some policy of `best` takes in each state, bool [S, A]."""
    values = np.zeros((3, graph.num_states))
    for _ in range(graph.horizon - 1):
        values, _ = best_choices(graph, values)
    return _equally_good(lookahead(graph, values))


def best_policies(graph: Graph) -> NDArray[np.bool_]:
    """Return which actions some policy of `best` takes in each step and state, bool [horizon, S, A]."""
    values = np.zeros((3, graph.num_states))
    good = np.empty((graph.horizon, graph.num_states, graph.num_actions), dtype=np.bool_)
    for now in reversed(range(graph.horizon)):
        worth = lookahead(graph, values)
        good[now] = _equally_good(worth)
        values, _ = _chosen(worth)
    return good


def lookahead(graph: Graph, values: Floats) -> Floats:
    """Return [3, S, A], return, success and steps of each action, given those of the next states, [3, S]."""
    returns, successes, steps = (graph.expected(each) for each in values)
    return np.stack([graph.reward + returns, graph.success + successes, 1 + steps])


def _chosen(worth: Floats, allowed: NDArray[np.bool_] | None = None) -> tuple[Floats, NDArray[np.int64]]:
    """The best of [3, S, A] actions and what they are worth."""
    returns = worth[0] if allowed is None else np.where(allowed, worth[0], -np.inf)
    actions = np.where(_tied(returns), worth[2], np.inf).argmin(axis=1)
    return worth[:, np.arange(len(actions)), actions], actions


def _equally_good(worth: Floats) -> NDArray[np.bool_]:
    """Which of [3, S, A] actions have the highest return, and among those the fewest steps."""
    steps = np.where(_tied(worth[0]), worth[2], np.inf)
    fewest: NDArray[np.bool_] = steps <= steps.min(axis=1, keepdims=True) + TIE
    return fewest


def _tied(returns: Floats) -> NDArray[np.bool_]:
    return returns >= returns.max(axis=1, keepdims=True) - TIE
