"""Episodes as they are observed, with where they can be found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium

from memory_envs.policies import Policy


@dataclass(frozen=True)
class RecordedEpisode:
    """What was observed, done and paid in T steps.

    Attributes:
        stream: Stream of the episode.
        episode: Its number in the stream.
        observations: T + 1 of them, that of the reset first.
        actions: T.
        rewards: T.
        terminations: T; whether the task ended the episode.
        truncations: T; whether the time limit did.
        infos: T + 1 values of each name that all infos tell.
    """

    stream: int
    episode: int
    observations: list[Any]
    actions: list[int]
    rewards: list[float]
    terminations: list[bool]
    truncations: list[bool]
    infos: dict[str, list[Any]]


def play(env: gymnasium.Env[Any, Any], policy: Policy, episodes: int, seed: int) -> Iterator[RecordedEpisode]:
    """Yield episodes of a policy: the first of one stream, in their order.

    Args:
        env: A single environment of this package, wrapped in nothing that changes what is done.
        policy: Chooses the actions; told of each reset.
        episodes: How many.
        seed: Draws the stream.
    """
    inner: Any = env.unwrapped
    for number in range(episodes):
        observation, info = env.reset(seed=seed if number == 0 else None)
        policy.reset()
        observations, infos = [observation], [info]
        actions: list[int] = []
        rewards: list[float] = []
        terminations: list[bool] = []
        truncations: list[bool] = []
        ended = False
        while not ended:
            action = int(policy(observation))
            observation, reward, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
            observations.append(observation)
            actions.append(action)
            rewards.append(float(reward))
            terminations.append(terminated)
            truncations.append(truncated)
            infos.append(info)
        yield RecordedEpisode(
            *(inner.stream, inner.episode, observations, actions, rewards, terminations, truncations),
            infos=_columns(infos),
        )


def _columns(infos: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The values of what is told at the reset and after each step."""
    names = [name for name in infos[0] if all(name in info for info in infos)]
    return {name: [info[name] for info in infos] for name in names}
