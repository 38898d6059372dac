"""The promises of Gymnasium's interface, and copies that play like the original."""

import copy
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any

import gymnasium
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.utils.passive_env_checker import env_render_passive_checker

from memory_envs.testing.failure import ConformanceError
from memory_envs.testing.player import Call, Player, demand_same_calls, recorded
from memory_envs.testing.source import AnyEnv, EnvLike, Source

_CHECK = "api"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def check_api(
    env: EnvLike,
    *,
    steps: int = 200,
    seed: int = 0,
    kwargs: Mapping[str, Any] | None = None,
    ignored_warnings: Sequence[str] = (),
) -> None:
    """Check what Gymnasium asks of every environment.

    Runs Gymnasium's own `check_env` once for each declared render mode and once without any, every warning
    being an error; closes twice; makes the environment again from its spec as JSON and as a pickle, and
    copies it before its first reset, and plays all of these against the original. The mode "human" opens a
    window: set SDL_VIDEODRIVER=dummy to have none with pygame.

    Args:
        env: A registered id, its spec, or a function that returns a new environment.
        steps: Calls of each comparison.
        seed: Seeds environments and actions.
        kwargs: Settings of the environment.
        ignored_warnings: Regular expressions that match anywhere in the warnings to let pass, for instance
            "minimum value is -infinity".

    Raises:
        ConformanceError: A promise is broken.
    """
    source = Source.of(env, kwargs)
    with closing(source.make()) as original:
        modes = [None, *original.metadata.get("render_modes", [])]
    for mode in modes:
        _check_with_gymnasium(source, mode, ignored_warnings)
    expected = _play_once(source.make(), steps, seed)
    for name, twin in _remade(source):
        with _told(f"{name} could not be played"):
            played = _play_once(twin, steps, seed)
        demand_same_calls(_CHECK, f"{name} plays differently", played, expected)


def check_copies(
    env: EnvLike, *, steps: int = 200, seed: int = 0, kwargs: Mapping[str, Any] | None = None
) -> None:
    """Check that `copy.deepcopy` and pickle copy a running episode: the copies go on as the original does.

    An environment with `gymnasium.utils.EzPickle` begins anew by design and does not promise this.

    Args:
        env: As in `check_api`, like all that follow.
        steps: Calls before the copies are made, and as many after.
        seed: See `check_api`.
        kwargs: See `check_api`.

    Raises:
        ConformanceError: A copy cannot be made or plays differently.
    """
    with closing(Source.of(env, kwargs).make()) as original:
        player = Player(original, seed)
        player.reset(seed)
        for _ in range(steps):
            player.advance()
        copies = [(name, player.fork(twin)) for name, twin in _copied(original)]
        calls = [copy.deepcopy(player.advance()) for _ in range(steps)]
        for name, other in copies:
            with _told(f"{name} of a running episode could not be played", "copies"), closing(other.env):
                played = [copy.deepcopy(other.advance()) for _ in range(steps)]
            message = f"{name} of a running episode plays differently"
            demand_same_calls("copies", message, played, calls)


def _check_with_gymnasium(source: Source, mode: str | None, ignored: Sequence[str]) -> None:
    with _told(f"Gymnasium's check_env with render_mode={mode!r} objects"), warnings.catch_warnings():
        warnings.simplefilter("error")
        for pattern in ignored:
            warnings.filterwarnings("ignore", f"(?s).*(?:{pattern})")
        env = source.make(**({} if mode is None else {"render_mode": mode}))
        check_env(env.unwrapped, skip_render_check=True)
        env.reset(seed=0)
        if mode is not None:
            env_render_passive_checker(env)
        env.close()
        env.close()


def _remade(source: Source) -> Iterator[tuple[str, AnyEnv]]:
    """Yield the environment made or copied in each of the ways there are, with the name of the way."""
    original = source.make()
    spec = original.spec
    if spec is not None:
        with _told("its spec does not survive JSON"):
            from_json = EnvSpec.from_json(spec.to_json())
            yield "the environment made from its spec as JSON", gymnasium.make(from_json)
        with _told("its spec does not survive pickle"):
            yield (
                "the environment made from its pickled spec",
                gymnasium.make(pickle.loads(pickle.dumps(spec))),
            )
    for name, twin in _copied(original, _CHECK):
        yield f"{name}, taken before the first reset,", twin
    original.close()


def _copied(env: AnyEnv, check: str = "copies") -> Iterator[tuple[str, AnyEnv]]:
    with _told("it cannot be copied with copy.deepcopy", check):
        yield "a deep copy", copy.deepcopy(env)
    with _told("it cannot be pickled", check):
        yield "a pickled copy", pickle.loads(pickle.dumps(env))


def _play_once(env: AnyEnv, steps: int, seed: int) -> list[Call]:
    with closing(env):
        return recorded(env, steps, seed)


@contextmanager
def _told(message: str, check: str = _CHECK) -> Iterator[None]:
    """Turn whatever an environment raises into the failure of the check."""
    try:
        yield
    except ConformanceError:
        raise
    except Exception as problem:
        said = _COLOUR.sub("", f"{type(problem).__name__}: {problem}")
        raise ConformanceError(check, f"{message}: {said}") from problem
