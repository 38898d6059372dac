"""An episode as its stream, number and actions, with a hash of every state to notice drift."""

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from importlib import metadata
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error
from gymnasium.envs.registration import load_env_creator
from gymnasium.wrappers import OrderEnforcing, PassiveEnvChecker, TimeLimit
from numpy.typing import NDArray

from memory_envs.files import replacing
from memory_envs.registry import json_text
from memory_envs.registry.envs import OTHER_NAMES, registered_id
from memory_envs.registry.lookup import did_you_mean
from memory_envs.registry.specs import task_settings
from memory_envs.rendering import ansi, painter
from memory_envs.rendering.scene import Scene
from memory_envs.rendering.video import write_gif, write_mp4
from memory_envs.rendering.views import ALL, Style
from memory_envs.rules.randomness import STREAM_LIMIT
from memory_envs.rules.settings import plain
from memory_envs.version import __version__

FORMAT = "memory-envs replay 2"
NAMESPACE = "MemoryEnvs/"

_OLD_FORMATS = ("memory-envs replay 1",)


class ReplayError(ValueError):
    """A file is not a replay, or not a whole one."""


class ReplayMismatch(ValueError):
    """Playing the actions again led elsewhere.

    Attributes:
        step: The first step whose outcome differs; 0 is the reset.
    """

    def __init__(self, step: int, message: str) -> None:
        """Name the step."""
        super().__init__(message)
        self.step = step


@dataclass(frozen=True)
class Replay:
    """One episode, or the beginning of one.

    Attributes:
        env_id: Registered id of the environment.
        kwargs: The settings it was made with.
        stream: Stream of the episode.
        episode: Its number in the stream.
        actions: What was done.
        hashes: `state_hash()` after the reset and after each action.
        episode_return: Sum of the rewards.
        versions: Versions of the packages that recorded it.
    """

    env_id: str
    kwargs: dict[str, Any]
    stream: int
    episode: int
    actions: tuple[int, ...]
    hashes: tuple[str, ...]
    episode_return: float
    versions: dict[str, str]

    @classmethod
    def of(
        cls, env_id: str, kwargs: Mapping[str, Any], stream: int, episode: int, actions: Iterable[int]
    ) -> "Replay":
        """Return the replay of actions that were played in an episode, in a single environment or in a lane.

        For lane i of a vector environment, `stream(i)` and `episode(i)`, asked while the episode runs, name
        the episode, and `task_of` the environment.

        Raises:
            gymnasium.error.ResetNeeded: There are more actions than the episode has steps.
        """
        kwargs = {name: plain(value) for name, value in kwargs.items()}
        played = tuple(int(action) for action in actions)
        steps = list(_play(env_id, kwargs, stream, episode, played))
        return cls(
            env_id=registered_id(env_id),
            kwargs=kwargs,
            stream=int(stream),
            episode=int(episode),
            actions=played,
            hashes=tuple(env_hash for env_hash, _ in steps),
            episode_return=math.fsum(reward for _, reward in steps),
            versions={name: metadata.version(name) for name in ("gymnasium", "numpy")}
            | {"memory-envs": __version__},
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the replay to a JSON file, which appears only once it is whole."""
        content = json.dumps({"format": FORMAT} | asdict(self)) + "\n"
        with replacing(path) as file:
            file.write_bytes(content.encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, verify: bool = True) -> "Replay":
        """Read a replay that `save` wrote.

        Args:
            path: The file.
            verify: Whether to play the actions again and compare every state, as `verify()` does.

        Raises:
            ReplayError: The file holds something else, only a part of a replay, or one of an older format.
            ReplayMismatch: The states differ from those recorded.
        """
        try:
            content = json_text.read(Path(path).read_bytes())
        except json_text.MalformedJson as problem:
            raise ReplayError(f"{path} is not a whole replay: {problem}") from problem
        _check_format(content, path)
        replay = cls(**_checked(content, path))
        if verify:
            replay.verify()
        return replay

    def verify(self) -> None:
        """Play the actions again and compare every state.

        Raises:
            ReplayError: The environment cannot be made.
            ReplayMismatch: Naming the first step whose state differs, or the returns.
        """
        total = []
        played = _play(self.env_id, self.kwargs, self.stream, self.episode, self.actions)
        for step, expected in enumerate(self.hashes):
            try:
                found, reward = next(played)
            except (error.ResetNeeded, error.InvalidAction) as refusal:
                raise ReplayMismatch(step, f"step {step} could not be played again: {refusal}") from refusal
            if found != expected:
                raise ReplayMismatch(step, f"step {step} led to state {found}, recorded was {expected}")
            total.append(reward)
        if math.fsum(total) != self.episode_return:
            raise ReplayMismatch(
                len(self.actions), f"the return was {math.fsum(total)}, recorded was {self.episode_return}"
            )

    def scenes(self) -> Iterator[Scene]:
        """Yield what there is to see of the first state and after each action."""
        with open_env(self.env_id, self.kwargs) as env:
            env.reset(options={"stream": self.stream, "episode": self.episode})
            yield env.scene()
            for action in self.actions:
                env.step(action)
                yield env.scene()

    def frames(self, style: Style = ALL) -> Iterator[NDArray[np.uint8]]:
        """Yield an RGB image, uint8 [height, width, 3], of each state. No display is needed.

        Raises:
            gymnasium.error.DependencyNotInstalled: pygame is missing.
        """
        return (painter.pixels(scene, style) for scene in self.scenes())

    def to_ansi(self, style: Style = ALL, *, colour: bool = False) -> Iterator[str]:
        """Yield each state as lines of characters, with colours for a terminal when asked."""
        return (ansi.text(scene, style, colour) for scene in self.scenes())

    def save_gif(
        self, path: str | os.PathLike[str], frames_per_second: float = 10, *, width: int | None = None
    ) -> None:
        """Write the episode as an endless GIF that rests on its last frame.

        Args:
            path: The file.
            frames_per_second: Pace.
            width: Pixels across; None takes frames as they are painted.

        Raises:
            gymnasium.error.DependencyNotInstalled: pillow or pygame is missing.
        """
        write_gif(path, self.frames(), frames_per_second, width)

    def save_mp4(self, path: str | os.PathLike[str], frames_per_second: float = 10) -> None:
        """Write the episode as an MP4 that rests on its last frame.

        Raises:
            gymnasium.error.DependencyNotInstalled: imageio-ffmpeg or pygame is missing.
        """
        write_mp4(path, self.frames(), frames_per_second)


def record(env: gymnasium.Env[Any, Any], policy: Callable[[Any], Any], *, seed: int | None = None) -> Replay:
    """Play one episode and return its replay.

    A replay holds the actions of `policy`. Wrappers may change what is observed and rewarded and cut the
    episode short, but not what is done: the states that were met are compared with those that the actions
    lead to in the bare environment.

    Args:
        env: Made by `gymnasium.make` from an id of this package.
        policy: Observation to action.
        seed: Passed to `reset`.

    Raises:
        TypeError: `env` is no single environment.
        ValueError: It was not made from an id of this package.
        ReplayMismatch: A wrapper changed, repeated or dropped actions; names the first step that it shows in.
    """
    if not isinstance(env, gymnasium.Env):
        raise TypeError(f"env must be a single environment, got {env}; Replay.of records a lane")
    task = task_of(env)
    observation, _ = env.reset(seed=seed)
    inner: Any = env.unwrapped
    stream, episode = inner.stream, inner.episode
    actions, met, ended = [], [inner.state_hash()], False
    while not ended:
        action = int(policy(observation))
        actions.append(action)
        observation, _, terminated, truncated, _ = env.step(action)
        met.append(inner.state_hash())
        ended = terminated or truncated
    _demand_same(env, (*task, stream, episode, actions), met)
    return Replay.of(*task, stream, episode, actions)


def task_of(
    env: gymnasium.Env[Any, Any] | gymnasium.vector.VectorEnv[Any, Any, Any],
) -> tuple[str, dict[str, Any]]:
    """Return the id and the settings of an environment, without those of rendering and of lanes.

    Raises:
        ValueError: It was not made by `gymnasium.make` or `gymnasium.make_vec`, or is none of this package.
    """
    spec = env.unwrapped.spec
    if spec is None or not spec.id.startswith(NAMESPACE):
        raise ValueError(
            f"a replay needs an environment made from an id that starts with {NAMESPACE!r}, got {env}"
        )
    return spec.id, task_settings(spec.kwargs)


def _play(
    env_id: str, kwargs: Mapping[str, Any], stream: int, episode: int, actions: Iterable[int]
) -> Iterator[tuple[str, float]]:
    with open_env(env_id, kwargs) as env:
        env.reset(options={"stream": stream, "episode": episode})
        yield env.state_hash(), 0.0
        for action in actions:
            _, reward, _, _, _ = env.step(action)
            yield env.state_hash(), reward


def _demand_same(env: gymnasium.Env[Any, Any], episode: tuple[Any, ...], met: list[str]) -> None:
    """Refuse an episode whose actions lead elsewhere in the bare environment than they did.

    Raises:
        ReplayMismatch: Naming the wrappers and the first step whose state differs.
    """
    played = _play(*episode)
    for step, state in enumerate(met):
        try:
            found = next(played)[0]
        except (error.ResetNeeded, error.InvalidAction) as refusal:
            found = str(refusal)
        if found != state:
            raise ReplayMismatch(
                step,
                f"the episode cannot be replayed by the actions of the policy: step {step} led to state "
                f"{state}, without the wrappers {_wrapper_names(env)} to {found}; record without a wrapper "
                "that changes, repeats or drops actions",
            )


def _wrapper_names(env: Any) -> str:
    """Return the names of the wrappers from the outermost on, without those that `gymnasium.make` adds."""
    names = []
    while isinstance(env, gymnasium.Wrapper):
        if not isinstance(env, (TimeLimit, OrderEnforcing, PassiveEnvChecker)):
            names.append(type(env).__name__)
        env = env.env
    return ", ".join(names) or "of gymnasium.make"


def open_env(env_id: str, kwargs: Mapping[str, Any]) -> Any:
    """Return the environment of a task, without Gymnasium's wrappers and without a render mode.

    Raises:
        ReplayError: The id is none of this package, or the settings make no environment.
    """
    # Ids such as "module:Name-v0" import a module; a file from a stranger must not choose another than ours.
    env_id = registered_id(env_id)
    if not env_id.startswith(NAMESPACE) or env_id not in gymnasium.registry:
        known = sorted(name for name in gymnasium.registry.keys() - OTHER_NAMES if name.startswith(NAMESPACE))
        hint = did_you_mean(env_id, known)
        raise ReplayError(f"env_id must be one of {', '.join(known)}, got {env_id!r}{hint}")
    spec = gymnasium.spec(env_id)
    creator = load_env_creator(str(spec.entry_point))
    try:
        return creator(**(spec.kwargs | dict(kwargs)), render_mode=None)
    except (TypeError, ValueError) as problem:
        raise ReplayError(f"kwargs {dict(kwargs)} make no {env_id}: {problem}") from problem


def _check_format(content: Any, path: str | os.PathLike[str]) -> None:
    found = content.get("format") if isinstance(content, dict) else None
    if found in _OLD_FORMATS:
        raise ReplayError(
            f"{path} is a replay of the format {found!r}; states have gained fields since, so that "
            f"its hashes cannot match: record the episode again, in the format {FORMAT!r}"
        )
    if found != FORMAT:
        raise ReplayError(f"{path} is not a replay of the format {FORMAT!r}")


def _checked(content: dict[str, Any], path: str | os.PathLike[str]) -> dict[str, Any]:
    kinds: dict[str, Any] = {
        "env_id": str,
        "kwargs": dict,
        "stream": int,
        "episode": int,
        "actions": list,
        "hashes": list,
    }
    kinds |= {"episode_return": (int, float), "versions": dict}
    for field in fields(Replay):
        value = content.get(field.name)
        if not isinstance(value, kinds[field.name]) or isinstance(value, bool):
            raise ReplayError(f"{path} has no usable {field.name}, got {value!r:.80}")
    for name, limit in (("stream", STREAM_LIMIT), ("episode", 2**32)):
        if not 0 <= content[name] < limit:
            raise ReplayError(f"{path} must have a {name} in [0, {limit}), got {content[name]}")
    actions, hashes = tuple(content["actions"]), tuple(content["hashes"])
    if not all(type(action) is int for action in actions) or len(hashes) != len(actions) + 1:
        raise ReplayError(f"{path} must have integer actions and one hash more, got {len(hashes)} hashes")
    if not all(type(each) is str for each in hashes):
        raise ReplayError(f"{path} must have hashes that are text, got {hashes[:3]!r:.80}")
    return {field.name: content[field.name] for field in fields(Replay)} | {
        "actions": actions,
        "hashes": hashes,
        "episode_return": float(content["episode_return"]),
    }
