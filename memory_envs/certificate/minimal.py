"""How many memory states a policy needs to do about as well as perfect memory."""

from memory_envs.certificate.effort import Effort
from memory_envs.certificate.verdict import LEFT_TO_MEMORY
from memory_envs.finite.protocol import FiniteEnv
from memory_envs.solvers.beliefs import belief_graph
from memory_envs.solvers.controllers import MOST, MemoryStates, fewest_memory
from memory_envs.solvers.graph import enumerate_states
from memory_envs.solvers.partition import lumped
from memory_envs.solvers.values import best, evaluate, uniform


def minimal_memory(
    env: FiniteEnv,
    *,
    target: float | None = None,
    metric: str | None = None,
    most: int = MOST,
    effort: Effort | None = None,
) -> MemoryStates:
    """Return how many memory states a deterministic policy needs for a given success or return.

    A policy of n memory states is a function from observation and memory to action and next memory. One that
    needs a single state has no memory.

    Args:
        env: The task.
        target: What the policy has to be worth; None takes nine tenths of what perfect memory gains over
            random actions, the line that the certificate's verdict draws.
        metric: "success" or "return"; None takes success where an episode can end well.
        most: Memory states to look for at most.
        effort: Limits; the node limit is that of each search.

    Raises:
        ValueError: There is no such metric, `most` is below 1, or the target is more than perfect memory has.
        NotFinite: The task breaks the protocol.
        TooLarge: There are too many states or beliefs.
    """
    effort = effort or Effort()
    if metric not in (None, "success", "return"):
        raise ValueError(f"metric must be 'success', 'return' or None, got {metric!r}")
    if most < 1:
        raise ValueError(f"most must be at least 1, got {most}")
    graph = lumped(enumerate_states(env, effort.state_limit))
    if metric == "success" or (metric is None and graph.success.any()):
        graph = graph.scoring_success()
    beliefs = belief_graph(graph, effort.belief_limit)
    perfect = best(beliefs).episode_return
    if target is None:
        gain = perfect - evaluate(graph, uniform(graph)).episode_return
        target = perfect - LEFT_TO_MEMORY * gain
    elif target > perfect + 1e-9:
        raise ValueError(f"target must be at most {perfect:.6g}, which perfect memory is worth, got {target}")
    return fewest_memory(beliefs, target, most=most, node_limit=effort.node_limit)
