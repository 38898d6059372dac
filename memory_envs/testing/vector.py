"""A vector environment is its single environments, lane by lane."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium.vector import AutoresetMode

from memory_envs.testing.failure import ConformanceError, demand_same
from memory_envs.testing.player import Call, Player
from memory_envs.testing.source import AnyVectorEnv, EnvLike, Source

_CHECK = "vector"
_SPACES = ("observation_space", "action_space", "single_observation_space", "single_action_space")


class VectorPlay(NamedTuple):
    """What a comparison met, all lanes together; one that met no ending has shown little.

    Attributes:
        steps: Calls of `step` times lanes.
        terminated: Terminations.
        truncated: Truncations.
    """

    steps: int
    terminated: int
    truncated: int


def check_vector(
    env: EnvLike,
    num_envs: int = 4,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    *,
    steps: int = 500,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
    native: Callable[..., AnyVectorEnv] | None = None,
    kinds: Sequence[str] = ("native", "async"),
) -> VectorPlay:
    """Check that vector environments equal SyncVectorEnv step by step, infos and their masks included.

    After half of the calls all lanes are reset, after three quarters they are seeded anew, one of them
    excepted. In the mode DISABLED, ended lanes are reset with a mask.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        num_envs: Lanes.
        autoreset_mode: A mode of Gymnasium, or its value.
        steps: Calls of `step` and of masked resets.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.
        native: Makes the vector environment from `num_envs` and `autoreset_mode`, two keyword arguments; None
            takes the vector entry point of the spec.
        kinds: Which to compare: "native" (left out where there is none) and "async".

    Returns:
        What was compared.

    Raises:
        ConformanceError: They differ.
        ValueError: `kinds` or `autoreset_mode` is unknown, or the vector environment does not offer the mode.
    """
    source, mode = Source.of(env, kwargs), AutoresetMode(autoreset_mode)
    with contextlib.ExitStack() as stack:
        makers = _makers(source, native, kinds)
        reference = stack.enter_context(contextlib.closing(source.make_sync(num_envs, mode)))
        others = {
            kind: stack.enter_context(contextlib.closing(make(num_envs=num_envs, autoreset_mode=mode)))
            for kind, make in makers.items()
        }
        for kind, other in others.items():
            _compare_descriptions(kind, other, reference)
        return _compare_plays(reference, others, steps, seed)


def _makers(
    source: Source, native: Callable[..., AnyVectorEnv] | None, kinds: Sequence[str]
) -> dict[str, Callable[..., AnyVectorEnv]]:
    if native is None and source.native_modes():
        native = source.make_native
    offered = {"native": native, "async": source.make_async}
    for kind in kinds:
        if kind not in offered:
            raise ValueError(f"kinds must be among {', '.join(map(repr, offered))}, got {kind!r}")
    return {kind: make for kind, make in offered.items() if kind in kinds and make is not None}


def _compare_descriptions(kind: str, other: AnyVectorEnv, reference: AnyVectorEnv) -> None:
    for name in ("num_envs", *_SPACES):
        got, expected = getattr(other, name), getattr(reference, name)
        if got != expected or getattr(got, "dtype", None) != getattr(expected, "dtype", None):
            raise ConformanceError(
                _CHECK, f"{name} of the {kind} environment differs", expected=expected, got=got
            )
    got, expected = (each.metadata.get("autoreset_mode") for each in (other, reference))
    if got is not expected:
        raise ConformanceError(
            _CHECK,
            f"metadata['autoreset_mode'] of the {kind} environment differs",
            expected=expected,
            got=got,
        )


def _compare_plays(
    reference: AnyVectorEnv, others: Mapping[str, AnyVectorEnv], steps: int, seed: int
) -> VectorPlay:
    players = {kind: Player(other, seed) for kind, other in others.items()}
    leader = Player(reference, seed)
    reseeding = [None, *range(seed + 1000, seed + 999 + reference.num_envs)]
    met = np.zeros(3, dtype=np.int64)

    def compare(call: Callable[[Player], Call]) -> None:
        expected = call(leader)
        for kind, player in players.items():
            message = f"the {kind} environment is not SyncVectorEnv"
            demand_same(_CHECK, message, call(player).result, expected.result, step=expected.step, lanes=True)
        if "reward" in expected.result:
            ended = (expected.result[name].sum() for name in ("terminated", "truncated"))
            met[:] += (reference.num_envs, *ended)

    compare(lambda player: player.reset(seed))
    for step in range(steps):
        compare(Player.advance)
        if step == steps // 2:
            compare(Player.reset)
        if step == 3 * steps // 4:
            compare(lambda player: player.reset(list(reseeding)))
    return VectorPlay(*met.tolist())
