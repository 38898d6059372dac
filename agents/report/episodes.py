"""Episodes to show: played by a model in an environment of this package, with all there is to see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import torch

from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.learning.actor import sample
from agents.process.torch_modes import one_thread
from agents.report.remembering import RememberedTarget, remembered_targets
from agents.report.roles import tracers
from agents.report.tracing import Trace
from agents.sb3.base import ConfiguredAlgorithm
from agents.vec_env.make import make_single, shown_privileged
from memory_envs.rendering.scene import Scene

# Episodes to look for examples of both outcomes in.
ATTEMPTS = 100


@dataclass(frozen=True)
class RecordedEpisode:
    """An episode of T steps.

    Attributes:
        stream: Of the environment; with `number` it says which episode this is.
        number: Of the episode within the stream.
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
    """Episodes chosen out of those that were played.

    Attributes:
        shown: The chosen ones, failures last.
        played: How many were played.
        succeeded: How many of these succeeded; None where the environment does not say.
    """

    shown: tuple[RecordedEpisode, ...]
    played: int
    succeeded: int | None


def find_examples(
    model: ConfiguredAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], episodes: int, seed: int = 0
) -> Examples:
    """Play until as many failures as successes are found, or ATTEMPTS episodes are over.

    Actions are sampled, as in training.

    Args:
        model: Acts.
        env_id: Of an environment of this package.
        env_kwargs: Its settings.
        episodes: How many to choose, at least 1; half of them, rounded down, are failures if there are so
            many.
        seed: Of episodes and actions; disjoint from those of training.

    Raises:
        ValueError: `episodes` is below 1.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    found = _Found(failures=episodes // 2, others=episodes - episodes // 2)
    with one_thread():
        for episode in _played(model, env_id, env_kwargs, FIRST_EVALUATION_SEED + seed):
            if found.add(episode):
                break
    return found.examples()


class _Found:
    """Episodes by outcome, until there are enough of both.

    Args:
        failures: How many are wanted.
        others: How many successes, or episodes of which nobody says what they are.
    """

    def __init__(self, failures: int, others: int) -> None:
        self.failures, self.others = failures, others
        self.failed: list[RecordedEpisode] = []
        self.rest: list[RecordedEpisode] = []

    def add(self, episode: RecordedEpisode) -> bool:
        """Take an episode and return whether there are enough."""
        (self.failed if episode.success is False else self.rest).append(episode)
        if episode.success is None:  # nor will any other be called a failure
            return len(self.rest) >= self.failures + self.others
        return len(self.failed) >= self.failures and len(self.rest) >= self.others

    def examples(self) -> Examples:
        """Return those to show, more of one outcome where there are too few of the other."""
        total = self.failures + self.others
        failures = max(self.failures, total - len(self.rest))
        shown = (*self.rest[: total - min(failures, len(self.failed))], *self.failed[:failures])
        known = all(episode.success is not None for episode in self.rest)
        return Examples(shown, len(self.failed) + len(self.rest), len(self.rest) if known else None)


def _played(
    model: ConfiguredAlgorithm, env_id: str, env_kwargs: Mapping[str, Any], seed: int
) -> Iterator[RecordedEpisode]:
    generator = torch.Generator(device=model.device).manual_seed(seed)
    shown = shown_privileged(env_id, env_kwargs, getattr(model.config, "learner_only", ()))
    with closing(make_single(env_id, shown)) as env:
        for attempt in range(ATTEMPTS):
            yield _play(model, env, generator, seed if attempt == 0 else None)


def _play(
    model: ConfiguredAlgorithm, env: Any, generator: torch.Generator, seed: int | None
) -> RecordedEpisode:
    observation, info = env.reset(seed=seed)
    watched, ended, truncated = tracers(model), False, False
    scenes = [env.unwrapped.scene()]
    actions: list[int] = []
    rewards: list[float] = []
    infos = [info]
    while not ended:
        before = (actions[-1], rewards[-1]) if actions else ()
        logits = [tracer.step(observation, *before) for tracer in watched.values()]
        actions.append(int(sample(logits[0].unsqueeze(0), generator)))
        observation, reward, terminated, truncated, info = env.step(actions[-1])
        rewards.append(float(reward))
        infos.append(info)
        scenes.append(env.unwrapped.scene())
        ended = terminated or truncated
    return RecordedEpisode(
        stream=env.unwrapped.stream,
        number=env.unwrapped.episode,
        scenes=tuple(scenes),
        actions=tuple(actions),
        rewards=tuple(rewards),
        success=bool(info["is_success"]) if "is_success" in info else None,
        truncated=bool(truncated),
        traces={role: tracer.trace() for role, tracer in watched.items()},
        targets=remembered_targets(model, env.unwrapped.memory_target_meanings, infos),
    )
