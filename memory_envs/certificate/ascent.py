"""The best stochastic policy without memory that gradient ascent finds, valued exactly."""

from dataclasses import dataclass

import numpy as np

from memory_envs.certificate.graph import Floats, Graph
from memory_envs.certificate.values import evaluate

ITERATIONS = 200
RESTARTS = 3

_STEP = 0.3
_DECAYS = (0.9, 0.99)
_EPSILON = 1e-10


@dataclass(frozen=True, eq=False)
class AscentResult:
    """What an ascent found.

    Attributes:
        policy: float64 [O, A], the probability of each action.
        value: Its expected return, exactly. Nothing says that there is no better policy.
    """

    policy: Floats
    value: float


def best_stochastic(
    graph: Graph,
    *,
    near: Floats | None = None,
    iterations: int = ITERATIONS,
    restarts: int = RESTARTS,
    seed: int = 0,
) -> AscentResult:
    """Climb the expected return of policies that draw their action by the observation alone.

    The gradient is exact: probabilities are carried forwards through all steps and values backwards. Steps
    are Adam's, on the logits.

    Args:
        graph: The task.
        near: [O, A], a policy that one ascent begins beside, the best deterministic one for instance.
        iterations: Steps of each ascent.
        restarts: Ascents that begin at random policies.
        seed: Of those policies.
    """
    random = np.random.default_rng(seed)
    shape = (len(graph.observations), graph.num_actions)
    begins = [random.normal(size=shape) for _ in range(restarts)]
    if near is not None:
        begins.append(3.0 * near)
    climbed = [_climb(graph, logits, iterations) for logits in begins]
    return max(climbed, key=lambda result: result.value)


def gradient(graph: Graph, policy: Floats) -> Floats:
    """Return the derivative, [O, A], of the expected return by the probability of each action."""
    chances = policy[graph.seen]
    values = np.zeros((graph.horizon, graph.num_states))  # with 0, 1, ... steps to go
    for left in range(1, graph.horizon):
        worth = graph.reward + graph.expected(values[left - 1])
        values[left] = (chances * worth).sum(axis=1)
    alive, slope = graph.start, np.zeros(graph.reward.shape)
    for later in values[::-1]:
        slope += alive[:, None] * (graph.reward + graph.expected(later))
        alive = graph.flow(alive[:, None] * chances)
    total = np.zeros(policy.shape)
    np.add.at(total, graph.seen, slope)
    return total


def _climb(graph: Graph, logits: Floats, iterations: int) -> AscentResult:
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for iteration in range(1, iterations + 1):
        policy = _softmax(logits)
        slope = gradient(graph, policy)
        slope = policy * (slope - (policy * slope).sum(axis=1, keepdims=True))
        mean = _DECAYS[0] * mean + (1 - _DECAYS[0]) * slope
        square = _DECAYS[1] * square + (1 - _DECAYS[1]) * slope**2
        scale = np.sqrt(square / (1 - _DECAYS[1] ** iteration)) + _EPSILON
        logits = logits + _STEP * mean / (1 - _DECAYS[0] ** iteration) / scale
    policy = _softmax(logits)
    return AscentResult(policy, evaluate(graph, policy).episode_return)


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
