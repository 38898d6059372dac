"""Episodes to show: played by a model in an environment of this package, with all there is to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.learning.distributions.discrete import Categorical
from agents.process.torch_modes import one_thread
from agents.report.remembering import RememberedTarget, remembered_targets
from agents.report.roles import tracers
from agents.report.tracing import Trace
from agents.sb3.base import ConfiguredAlgorithm
from agents.vec_env.make import make_single
from memory_envs.rendering.scene import Fact, Scene

# Episodes among which kinds of start are looked for, and a failure.
ATTEMPTS = 100
# Kinds of start that are shown where nobody says how many episodes.
MOST_KINDS = 4


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode of T steps.

    Attributes:
        stream: Of the environment; with `number` it says which episode this is.
        number: Of the episode within the stream.
        kind: What the agent is not told at the start, and what differs between the episodes of the stream.
        scenes: T + 1: before each action, and the end.
        actions: T.
        rewards: T.
        success: What the environment says; None where it says nothing.
        truncated: Whether a limit cut the episode.
        traces: By role, what each network said before each action; the first one acted.
        targets: What their memories were taught, in the order of the traces' `memory`.
    """

    stream: int
    number: int
    kind: tuple[Fact, ...]
    scenes: tuple[Scene, ...]
    actions: tuple[int, ...]
    rewards: tuple[float, ...]
    success: bool | None
    truncated: bool
    traces: Mapping[str, Trace]
    targets: tuple[RememberedTarget, ...] = ()

    @property
    def total_reward(self) -> float:
        """Sum of the rewards."""
        return sum(self.rewards)


@dataclass(frozen=True)
class Examples:
    """Episodes chosen out of a stream.

    Attributes:
        shown: The first one of each kind of start, and then the next ones; their outcomes choose none.
        failure: One more, a failure, if none of these is one and some other was found.
        kinds: How many kinds of start were met.
    """

    shown: tuple[RecordedEpisode, ...]
    failure: RecordedEpisode | None
    kinds: int


class EpisodeStream:
    """Episodes of an environment of this package that no training has played, by their numbers.

    One of them begins alike however often and by whatever model it is played, and its actions are drawn with
    the same random numbers. Close it when done.

    Args:
        env_id: Of an environment of this package.
        env_kwargs: Its settings.
        seed: Of the stream and of the actions.
    """

    def __init__(self, env_id: str, env_kwargs: Mapping[str, Any], seed: int = 0) -> None:
        self._env = cast(Any, make_single(env_id, env_kwargs))
        self._seed = FIRST_EVALUATION_SEED + seed
        self._env.reset(seed=self._seed)
        self.stream: int = self._env.unwrapped.stream
        starts = [self._facts_at_start(number) for number in range(ATTEMPTS)]
        self._telling = [place for place, each in enumerate(zip(*starts, strict=True)) if len(set(each)) > 1]
        kinds = [self._kind(facts) for facts in starts]
        self.firsts = tuple(kinds.index(kind) for kind in dict.fromkeys(kinds))
        """Number of the first episode of each kind of start."""

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def play(self, model: ConfiguredAlgorithm, number: int, *, only_acting: bool = False) -> RecordedEpisode:
        """Play an episode, actions sampled as in training.

        Args:
            model: Acts.
            number: Of the episode.
            only_acting: Ask no network but the one that acts.
        """
        env = self._env
        drawn = np.random.SeedSequence([self._seed, number]).generate_state(1)[0]
        generator = torch.Generator(device=model.device).manual_seed(int(drawn))
        observation, info = env.reset(options={"stream": self.stream, "episode": number})
        watched = dict([*tracers(model).items()][: 1 if only_acting else None])
        choice = Categorical(int(env.action_space.n))
        scenes, infos = [env.unwrapped.scene()], [info]
        actions: list[int] = []
        rewards: list[float] = []
        ended = truncated = False
        with one_thread():
            while not ended:
                before = (actions[-1], rewards[-1]) if actions else ()
                logits = [tracer.step(observation, *before) for tracer in watched.values()]
                actions.append(int(choice.sample(logits[0].unsqueeze(0), generator)))
                observation, reward, terminated, truncated, info = env.step(actions[-1])
                rewards.append(float(reward))
                infos.append(info)
                scenes.append(env.unwrapped.scene())
                ended = terminated or truncated
        return RecordedEpisode(
            stream=self.stream,
            number=number,
            kind=self._kind(scenes[0].facts),
            scenes=tuple(scenes),
            actions=tuple(actions),
            rewards=tuple(rewards),
            success=bool(info["is_success"]) if "is_success" in info else None,
            truncated=bool(truncated),
            traces={role: tracer.trace() for role, tracer in watched.items()},
            targets=remembered_targets(model, env.unwrapped.memory_target_meanings, infos),
        )

    def _facts_at_start(self, number: int) -> tuple[Fact, ...]:
        self._env.reset(options={"stream": self.stream, "episode": number})
        scene: Scene = self._env.unwrapped.scene()
        return scene.facts

    def _kind(self, facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        return tuple(facts[place] for place in self._telling)


def find_examples(model: ConfiguredAlgorithm, stream: EpisodeStream, episodes: int | None = None) -> Examples:
    """Play the first episode of each kind of start, and look for a failure if there is none among them.

    Args:
        model: Acts.
        stream: Of the environment.
        episodes: How many to show beside that failure, at least 1; when None one of each kind of start, at
            most MOST_KINDS.

    Raises:
        ValueError: `episodes` is below 1.
    """
    if episodes is not None and episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    count = min(len(stream.firsts), MOST_KINDS) if episodes is None else episodes
    further = [number for number in range(max(ATTEMPTS, count)) if number not in stream.firsts]
    in_order = [*stream.firsts, *further]
    shown = tuple(stream.play(model, number) for number in in_order[:count])
    failure = None
    if all(episode.success for episode in shown):
        for number in in_order[count:]:
            if stream.play(model, number, only_acting=True).success is False:
                failure = stream.play(model, number)
                break
    return Examples(shown, failure, len(stream.firsts))
