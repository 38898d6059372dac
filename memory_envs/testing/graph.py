"""The states of a finite environment that play can reach."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from memory_envs.finite.protocol import FiniteEnv, Outcome


def reachable_states(env: FiniteEnv, *, max_states: int = 1_000_000) -> Iterator[Any]:
    """Yield each state in which the agent can come to act, nearest first. The time limit is left out.

    Raises:
        ValueError: There are more than `max_states`.
    """
    found = {state: None for _, state in env.starts()}
    waiting = deque(found)
    while waiting:
        if len(found) > max_states:
            raise ValueError(
                f"more than max_states={max_states} states can be reached; allow more, or give an "
                "environment with fewer starts"
            )
        state = waiting.popleft()
        yield state
        for _, outcome in transitions(env, state):
            if not outcome.terminated and outcome.state not in found:
                found[outcome.state] = None
                waiting.append(outcome.state)


def transitions(env: FiniteEnv, state: Any) -> Iterator[tuple[int, Outcome]]:
    """Yield each action with each outcome it may have in a state."""
    for action in range(env.num_actions):
        for outcome in env.step(state, action):
            yield action, outcome
