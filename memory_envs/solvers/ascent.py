"""The best stochastic policy without memory that gradient ascent finds, valued exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memory_envs.solvers.graph import Floats, Graph
from memory_envs.solvers.values import evaluate

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


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Return the probability of each action, [N, A], from logits, [N, A]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return chances


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
    adam = _Adam(logits.shape)
    for _ in range(iterations):
        policy = softmax(logits)
        slope = gradient(graph, policy)
        slope = policy * (slope - (policy * slope).sum(axis=1, keepdims=True))
        logits = logits + _STEP * adam.direction(slope)
    policy = softmax(logits)
    return AscentResult(policy, evaluate(graph, policy).episode_return)


class _Adam:
    """Steps of about equal length in all directions (Kingma & Ba, 2015)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._mean, self._square, self._count = np.zeros(shape), np.zeros(shape), 0

    def direction(self, slope: Floats) -> Floats:
        """Take in a gradient and return the step to take, for a step size of 1."""
        self._count += 1
        self._mean = _DECAYS[0] * self._mean + (1 - _DECAYS[0]) * slope
        self._square = _DECAYS[1] * self._square + (1 - _DECAYS[1]) * slope**2
        mean, square = (
            each / (1 - decay**self._count)
            for each, decay in zip((self._mean, self._square), _DECAYS, strict=True)
        )
        return mean / (np.sqrt(square) + _EPSILON)
