"""Which episodes are kept, and what is kept of them."""

import hashlib
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from memory_envs import imaze as imaze_env
from memory_envs import meta_fetch
from memory_envs.policies.reference import reference_policy
from memory_envs.registry.envs import ENVS
from memory_envs.replay import Replay, open_env
from memory_envs.rules import imaze
from tests.support.env_oracles import solution

FOLDER = Path(__file__).parent
DIGESTS = FOLDER / "digests.json"
SPRITES = FOLDER / "sprites.npz"
OBSERVATIONS = ("onehot", "tiles")
LOOKS = {"imaze": imaze_env.TASK.looks_of(imaze.configure()), "meta_fetch": meta_fetch.LOOKS}


class Episode(NamedTuple):
    """An episode to keep.

    Attributes:
        name: Of its file.
        env_id: Registered id.
        kwargs: Settings.
        play: "right" or "wrong" goal by the shortest way, "optimal" or "random" actions.
    """

    name: str
    env_id: str
    kwargs: dict[str, Any]
    play: str

    @property
    def path(self) -> Path:
        """Where its replay lies."""
        return FOLDER / f"{self.name}.json"


def episodes() -> list[Episode]:
    """Return all that are kept: a few per id, and settings that reach every rule."""
    kept = []
    for row in ENVS:
        name = row.id.removeprefix("MemoryEnvs/")
        has_end = name.startswith("IMaze") and not row.kwargs.get("endless", False)
        plays = ("right", "wrong", "random") if has_end else ("optimal", "random")
        kept += [Episode(f"{name}-{play}", row.id, {}, play) for play in plays]
    return kept + [
        Episode(f"{env_id}-{name}", f"MemoryEnvs/{env_id}", kwargs, play)
        for env_id, name, kwargs, play in VARIATIONS
    ]


VARIATIONS: list[tuple[str, str, dict[str, Any], str]] = [
    ("IMaze-v0", "delay", {"delay": 7, "step_penalty": 0.01}, "right"),
    ("IMaze-v0", "center", {"start": "center", "size": 11}, "right"),
    ("IMaze-v0", "full", {"observability": "full"}, "wrong"),
    ("IMaze-v0", "perfect-memory", {"observability": "perfect_memory"}, "right"),
    ("IMaze-v0", "truncated", {"max_episode_steps": 12}, "random"),
    ("MetaFetch-v0", "six", {"num_objects": 6, "size": 7, "view_size": 3}, "random"),
    ("MetaFetch-v0", "two", {"num_objects": 2, "size": 5}, "random"),
    ("MetaFetch-v0", "full", {"observability": "full", "num_objects": 4}, "random"),
    ("MetaFetch-v0", "perfect-memory", {"observability": "perfect_memory", "size": 6}, "random"),
    ("MetaFetch-v0", "train", {"split": "train"}, "random"),
    ("MetaFetch-v0", "test", {"split": "test"}, "random"),
    ("MetaFetch-v0", "truncated", {"max_episode_steps": 30}, "random"),
]


def recorded(episode: Episode) -> Replay:
    """Play an episode and return its replay."""
    seed = int(hashlib.sha256(episode.name.encode()).hexdigest()[:6], 16)
    env = open_env(episode.env_id, episode.kwargs)
    env.reset(seed=seed)
    stream = env.stream
    if episode.play == "random":
        # Longer walks ahead than at random, as else most of an episode is spent turning.
        actions = np.random.default_rng(seed).choice(3, size=150, p=(0.2, 0.2, 0.6)).tolist()
    elif episode.play == "optimal":
        actions = _optimal(open_env(episode.env_id, episode.kwargs), stream)
    else:
        actions = _to_goal(env, right=episode.play == "right")
    return Replay.of(episode.env_id, episode.kwargs, stream, 0, _until_the_end(env, actions))


def digest(replay: Replay) -> str:
    """Return a hash of all that an agent is told in an episode; pictures of tiles are kept apart."""
    told = hashlib.sha256()
    for observation in OBSERVATIONS:
        env = open_env(replay.env_id, replay.kwargs | {"observation": observation})
        first, _ = env.reset(options={"stream": replay.stream, "episode": replay.episode})
        told.update(first.tobytes())
        for action in replay.actions:
            seen, reward, terminated, truncated, info = env.step(action)
            told.update(seen.tobytes())
            told.update(repr((reward, terminated, truncated, info["is_success"])).encode())
    return told.hexdigest()[:16]


def _optimal(env: Any, stream: int, steps: int = 100) -> list[int]:
    observation, _ = env.reset(options={"stream": stream, "episode": 0})
    policy, actions = reference_policy("optimal", env), []
    for _ in range(steps):
        actions.append(int(policy(observation)))
        observation, *_ = env.step(actions[-1])
    return actions


def _to_goal(env: Any, right: bool) -> list[int]:
    state = imaze.State(*(env.get_state()[name] for name in imaze.State._fields))
    way = solution(env.config, state if right else state._replace(cue=(state.cue + 1) % env.config.num_cues))
    # A delay holds the agent for a while: what it does meanwhile has no effect.
    looked = next(
        step
        for step in itertools.count(1)
        if _played(env.config, state, way[:step]).sight == imaze.CUE_LEFT_BEHIND
    )
    return way[:looked] + [0] * env.config.delay + way[looked:]


def _played(config: imaze.Config, state: imaze.State, actions: list[int]) -> imaze.State:
    for action in actions:
        state = imaze.transition(config, state, action)[0]
    return state


def _until_the_end(env: Any, actions: list[int]) -> list[int]:
    for step, action in enumerate(actions, start=1):
        _, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            return actions[:step]
    return actions
