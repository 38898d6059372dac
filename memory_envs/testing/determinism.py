"""The same seed and the same actions lead to the same episodes, wherever and whenever they are played."""

import contextlib
import copy
from collections.abc import Mapping
from typing import Any

from memory_envs.testing.failure import ConformanceError
from memory_envs.testing.fresh import FreshProcessError, another_hash_seed, call_fresh
from memory_envs.testing.player import Call, Player, demand_same_calls, play, recorded
from memory_envs.testing.source import EnvLike, Source

_CHECK = "determinism"


def check_determinism(
    env: EnvLike,
    *,
    steps: int = 500,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
    fresh_process: bool = True,
) -> None:
    """Check that a seed and the actions decide everything, the episodes after the first included.

    The same play is repeated by a second environment, by one that was left in the middle of another episode,
    by one whose calls alternate with those of an environment of another seed, and in a new process whose
    strings hash otherwise.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        steps: Calls of each play.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.
        fresh_process: Whether to start a process too. A function must then be one cloudpickle can carry.

    Raises:
        ConformanceError: Two plays differ.
    """
    source = Source.of(env, kwargs)
    expected = _record(source, steps, seed)
    demand_same_calls(
        _CHECK, "a second environment plays differently", _record(source, steps, seed), expected
    )
    _check_used(source, steps, seed, expected)
    _check_beside_another(source, steps, seed, expected)
    if fresh_process:
        _check_in_fresh_process(source, steps, seed, expected)


def _check_used(source: Source, steps: int, seed: int, expected: list[Call]) -> None:
    message = "reset(seed) does not reset everything: an environment that has played before plays differently"
    with contextlib.closing(source.make()) as env:
        for _ in play(env, steps // 2 + 1, seed + 1):
            pass
        demand_same_calls(_CHECK, message, recorded(env, steps, seed), expected)


def _check_beside_another(source: Source, steps: int, seed: int, expected: list[Call]) -> None:
    message = "an environment plays differently while another one is played, as if they shared something"
    with contextlib.closing(source.make()) as env, contextlib.closing(source.make()) as neighbour:
        player, other = Player(env, seed), Player(neighbour, seed + 1)
        other.reset(seed + 1)
        calls = [copy.deepcopy(player.reset(seed))]
        for _ in range(steps):
            other.advance()
            calls.append(copy.deepcopy(player.advance()))
    demand_same_calls(_CHECK, message, calls, expected)


def _check_in_fresh_process(source: Source, steps: int, seed: int, expected: list[Call]) -> None:
    try:
        calls = call_fresh(_record, source, steps, seed, environ=another_hash_seed())
    except FreshProcessError as problem:
        raise ConformanceError(_CHECK, f"it cannot be played in a fresh process: {problem}") from problem
    demand_same_calls(
        _CHECK, "a fresh process with another PYTHONHASHSEED plays differently", calls, expected
    )


def _record(source: Source, steps: int, seed: int) -> list[Call]:
    with contextlib.closing(source.make()) as env:
        return recorded(env, steps, seed)
