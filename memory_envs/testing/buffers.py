"""What an environment returned belongs to the caller, and what it was given still does."""

import contextlib
import copy
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv

from memory_envs.testing.failure import ConformanceError, demand_same, difference
from memory_envs.testing.player import Call, Player
from memory_envs.testing.source import AnyEnv, AnyVectorEnv, EnvLike, Source

_CHECK = "buffers"
_WINDOW = 8


def check_buffers(
    env: EnvLike,
    *,
    num_envs: int | None = None,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    steps: int = 300,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Check that no array, dictionary or list is shared between calls, or between caller and environment.

    Nothing returned is written to later or returned again (compared among the last few calls and with the
    first), nor twice in one return of a vector environment; writing over all that was returned, and over the
    actions after they were played, changes nothing that follows; actions are not written to.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        num_envs: Lanes of the vector environment to check (that of the vector entry point, or else
            SyncVectorEnv); None checks the single environment.
        autoreset_mode: Mode of the vector environment.
        steps: Calls.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.

    Raises:
        ConformanceError: Something is shared.
    """
    source, mode = Source.of(env, kwargs), AutoresetMode(autoreset_mode)

    def make() -> AnyEnv | AnyVectorEnv:
        if num_envs is None:
            return source.make()
        native = mode in source.native_modes()
        return source.make_native(num_envs, mode) if native else source.make_sync(num_envs, mode)

    with contextlib.closing(make()) as played:
        _check_kept(played, steps, seed)
    with contextlib.closing(make()) as clean, contextlib.closing(make()) as soiled:
        _check_overwritten(clean, soiled, steps, seed, lanes=num_envs is not None)


def _check_kept(env: AnyEnv | AnyVectorEnv, steps: int, seed: int) -> None:
    player = Player(env, seed)
    kept = [player.reset(seed)]
    copies = [copy.deepcopy(kept[0])]
    recent = deque([kept[0]], maxlen=_WINDOW)
    for _ in range(steps):
        call = player.advance()
        if isinstance(env, VectorEnv):
            _demand_separate_parts(call)
        for earlier in (kept[0], *recent):
            _demand_separate(call, earlier)
        kept.append(call)
        copies.append(copy.deepcopy(call))
        recent.append(call)
    for call, expected in zip(kept, copies, strict=True):
        message = "what was returned was written to by a later call"
        demand_same(_CHECK, message, call.result, expected.result, step=call.step)


def _demand_separate(call: Call, earlier: Call) -> None:
    found = list(_mutable_parts(earlier.result))
    for place, part in _mutable_parts(call.result):
        for other_place, other in found:
            if _shared(part, other):
                raise ConformanceError(
                    _CHECK,
                    f"{place} shares memory with {other_place} that step {earlier.step} returned",
                    step=call.step,
                )


def _demand_separate_parts(call: Call) -> None:
    for (place, part), (other_place, other) in combinations(_mutable_parts(call.result), 2):
        if _shared(part, other):
            raise ConformanceError(_CHECK, f"{place} shares memory with {other_place}", step=call.step)


def _check_overwritten(clean: Any, soiled: Any, steps: int, seed: int, lanes: bool) -> None:
    one, other = Player(clean, seed), Player(soiled, seed)
    calls = (one.reset(seed), other.reset(seed))
    for _ in range(steps + 1):
        expected, got = calls
        message = "writing over what was returned, or over an action already played, changes what follows"
        demand_same(_CHECK, message, got.result, expected.result, step=expected.step, lanes=lanes)
        if difference(got.action, got.drawn) is not None:
            raise ConformanceError(
                _CHECK, "an action was written to", step=got.step, expected=got.drawn, got=got.action
            )
        for part in (got.result, got.action):
            _overwrite(part)
        calls = (one.advance(), other.advance())


def _mutable_parts(data: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, np.ndarray):
        yield place, data
        if data.dtype == object:
            for index in np.ndindex(data.shape):
                yield from _mutable_parts(data[index], f"{place}[{', '.join(map(str, index))}]")
    elif isinstance(data, dict):
        if place:
            yield place, data
        for key, value in data.items():
            yield from _mutable_parts(value, f"{place}[{key!r}]" if place else str(key))
    elif isinstance(data, (list, tuple)):
        if isinstance(data, list):
            yield place, data
        for position, value in enumerate(data):
            yield from _mutable_parts(value, f"{place}[{position}]")


def _shared(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one is other or bool(np.shares_memory(one, other))
    return one is other


def _overwrite(data: Any) -> None:
    """Spoil every array, dictionary and list; innermost first, because an emptied one leads no further."""
    for _, part in reversed(list(_mutable_parts(data))):
        if not isinstance(part, np.ndarray):
            part.clear()
        elif part.flags.writeable:
            part[...] = part + 1 if part.dtype.kind in "biufc" else np.zeros((), part.dtype)
