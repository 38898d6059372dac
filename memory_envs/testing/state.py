"""A saved state goes on bit for bit."""

import contextlib
import copy
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from memory_envs.testing.failure import ConformanceError, demand_same, difference
from memory_envs.testing.player import Call, Player
from memory_envs.testing.source import AnyEnv, AnyVectorEnv, EnvLike, Source

_CHECK = "state"


def check_state(
    env: EnvLike,
    *,
    num_envs: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    moments: int = 8,
    steps: int = 100,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Check `get_state()` and `set_state(state)`, for environments that have them.

    At random moments of a play the state goes through JSON into a second environment, which has played
    something else, and then into the first one again: both times the calls that follow return what they
    returned the first time, the episodes after the running one included. Reading a state changes nothing, and
    a state that was set is read again as it was. A wrapper with a clock of its own, such as the TimeLimit of
    `gymnasium.make(..., max_episode_steps=n)`, is no part of the state and fails the check.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        num_envs: Lanes of the native vector environment to check; None checks the single environment.
        autoreset_mode: Mode of the vector environment.
        moments: States to save.
        steps: Calls to go on for after each.
        seed: Seeds environments, actions and moments.
        kwargs: Settings of the environment.

    Raises:
        ConformanceError: What follows a restored state is something else, or a state is not JSON.
        ValueError: There is no native vector environment of the mode.
    """
    source, mode = Source.of(env, kwargs), AutoresetMode(autoreset_mode)

    def make() -> AnyEnv | AnyVectorEnv:
        return source.make() if num_envs is None else source.make_native(num_envs, mode)

    gaps = np.random.default_rng(seed).integers(0, steps, size=moments)
    with contextlib.closing(make()) as original, contextlib.closing(make()) as twin:
        player = Player(original, seed)
        player.reset(seed)
        for moment, gap in enumerate(gaps.tolist()):
            for _ in range(gap):
                player.advance()
            twin.reset(seed=seed + 1 + moment)
            _check_moment(player, twin, steps)


def has_state(env: EnvLike, kwargs: Mapping[str, Any] | None = None) -> bool:
    """Return whether an environment has `get_state` and `set_state`."""
    with contextlib.closing(Source.of(env, kwargs).make()) as made:
        return all(hasattr(made.unwrapped, name) for name in ("get_state", "set_state"))


def _check_moment(player: Player, twin: AnyEnv | AnyVectorEnv, steps: int) -> None:
    state = _saved(player)
    again = player.fork(player.env)
    there = player.fork(twin)
    calls = [copy.deepcopy(player.advance()) for _ in range(steps)]
    end = _saved(player)
    for name, other in (("a second environment", there), ("the environment itself, taken back,", again)):
        _restore(other, state)
        _demand_equal(f"{name} does not hold the state it was set to", _saved(other), state, other.calls)
        _compare(f"{name} goes on differently from a state that was set", other, calls)
        _demand_equal(f"{name} ends in another state", _saved(other), end, other.calls)


def _saved(player: Player) -> Any:
    state = player.env.unwrapped.get_state()
    try:
        text = json.dumps(state, allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise ConformanceError(_CHECK, f"get_state() is not JSON: {problem}", step=player.calls) from problem
    return json.loads(text)


def _restore(player: Player, state: Any) -> None:
    handed = copy.deepcopy(state)
    player.env.unwrapped.set_state(handed)
    _demand_equal("set_state() wrote to what it was given", handed, state, player.calls)


def _demand_equal(message: str, got: Any, expected: Any, step: int) -> None:
    found = difference(got, expected, "state")
    if found is not None:
        raise ConformanceError(
            _CHECK, f"{message}: {found.place} differs", step=step, expected=found.expected, got=found.got
        )


def _compare(message: str, player: Player, calls: list[Call]) -> None:
    for expected in calls:
        demand_same(_CHECK, message, player.advance().result, expected.result, step=expected.step)
