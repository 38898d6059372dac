"""Evaluation: success and return over episodes that training never saw, with 95 % intervals."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv

from agents.process.torch_modes import one_thread
from memory_envs.registry.json_text import build

# Training with seed s uses the seeds s, s + 1, ... for its lanes and keeps below this.
FIRST_EVALUATION_SEED = 2**31
# Lanes to evaluate in: enough to be fast, few enough that each plays several of the usual number of episodes.
MAX_LANES = 100

AVOIDABLE = "avoidable"
"""Key of infos that is 1 in a step with a mistake that the history spoke against, else 0."""

_Z95 = 1.959964  # 97.5 % quantile of the normal distribution


class Policy(Protocol):
    """An SB3 model or policy, recurrent or not."""

    def predict(
        self, observation: Any, state: Any, episode_start: Any, deterministic: bool, /
    ) -> tuple[np.ndarray, Any]:
        """Return actions and the next state."""


class Episode(NamedTuple):
    """The outcome of one episode."""

    total_reward: float
    length: int
    success: bool | None
    """None where the environment does not report it."""
    avoidable: int | None = None
    """Mistakes that the history spoke against; None where the infos do not tell them."""
    actions: tuple[Any, ...] = ()
    """Kept only by `play`."""


class Interval(NamedTuple):
    """A mean and its 95 % confidence interval."""

    mean: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """Return plain JSON-able values; what is not finite is None."""
        return {name: value if math.isfinite(value) else None for name, value in self._asdict().items()}


@dataclass(frozen=True)
class Evaluation:
    """The outcome of a number of episodes.

    Attributes:
        episodes: Their number.
        success: Share that succeeded, with Wilson's interval; None where the environment does not report it
            of every episode: a share of those that say so would be one of a selection.
        mean_return: Mean sum of rewards, not discounted, with the normal approximation's interval.
        mean_length: Mean number of steps.
        success_reported: How many episodes said whether they succeeded.
        avoidable: Mean number of mistakes per episode that one with perfect memory does not make; None where
            the infos do not tell `avoidable` of every episode.
    """

    episodes: int
    success: Interval | None
    mean_return: Interval
    mean_length: float
    success_reported: int = 0
    avoidable: Interval | None = None

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> Evaluation:
        """Summarise episodes, of which there must be at least one."""
        if not episodes:
            raise ValueError("episodes must hold at least one episode, got none")
        successes = [episode.success for episode in episodes if episode.success is not None]
        mistakes = [episode.avoidable for episode in episodes if episode.avoidable is not None]
        return cls(
            episodes=len(episodes),
            success=wilson_interval(sum(successes), len(successes))
            if len(successes) == len(episodes)
            else None,
            mean_return=normal_interval([episode.total_reward for episode in episodes]),
            mean_length=float(np.mean([episode.length for episode in episodes])),
            success_reported=len(successes),
            avoidable=normal_interval(mistakes) if len(mistakes) == len(episodes) else None,
        )

    def summary(self) -> str:
        """Return one line, such as "success 0.993 over 1000 episodes, return 0.986"."""
        mistakes = "" if self.avoidable is None else f", avoidable mistakes {self.avoidable.mean:.2f}"
        return self._summary() + mistakes

    def _summary(self) -> str:
        if self.success is None:
            line = f"return {self.mean_return.mean:.3f} over {self.episodes} episodes"
            said = self.success_reported
            return line + (
                f"; no success rate, since {said} of them alone said whether they succeeded" if said else ""
            )
        share, mean_return = self.success.mean, self.mean_return.mean
        return f"success {share:.3f} over {self.episodes} episodes, return {mean_return:.3f}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {
            "episodes": self.episodes,
            "success": None if self.success is None else self.success.to_dict(),
            "mean_return": self.mean_return.to_dict(),
            "mean_length": self.mean_length,
            **({"success_reported": self.success_reported} if self._is_partial else {}),
            **({} if self.avoidable is None else {"avoidable": self.avoidable.to_dict()}),
        }

    @property
    def _is_partial(self) -> bool:
        return 0 < self.success_reported < self.episodes


@dataclass(frozen=True)
class _SavedInterval:
    """As `Interval.to_dict` writes it."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class _SavedEvaluation:
    """What is read of `Evaluation.to_dict`."""

    episodes: int
    success: _SavedInterval | None
    mean_return: _SavedInterval


def checked_evaluation(content: Any, place: str) -> dict[str, Any]:
    """Return what a file says of evaluations by how actions were chosen, as `Evaluation.to_dict` writes it.

    Raises:
        ValueError: Something in it is of another kind; names its place.
    """
    known = {field.name for field in dataclasses.fields(_SavedEvaluation)}
    for actions, each in build(dict[str, dict[str, Any]], content, place).items():
        build(_SavedEvaluation, {name: each[name] for name in known & each.keys()}, f"{place}: {actions}")
    return dict(content)


def evaluate(
    model: Policy, env: VecEnv, episodes: int, *, deterministic: bool = False, seed: int = 0
) -> Evaluation:
    """Play a fixed number of episodes in every lane and summarise them.

    Counting the first `episodes` to end, in whichever lane, would favour short ones.

    Args:
        model: Chooses actions for all lanes at once.
        env: Lanes; the first ones play one episode more when the numbers do not divide evenly.
        episodes: How many, at least 1.
        deterministic: Take greedy actions; they are sampled, as in training, when False.
        seed: Of episodes and sampled actions; disjoint from those of training.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    env.seed(FIRST_EVALUATION_SEED + seed)
    with acting(FIRST_EVALUATION_SEED + seed):
        return Evaluation.of(list(_episodes(model, env, episodes, deterministic)))


def evaluation_lanes(episodes: int) -> int:
    """Return how many lanes to make for `evaluate`."""
    return min(episodes, MAX_LANES)


def play(
    model: Policy,
    env: gymnasium.Env[Any, Any],
    *,
    deterministic: bool = False,
    seed: int | None = None,
    on_frame: Callable[[], None] = lambda: None,
) -> Episode:
    """Play one episode in a single environment.

    Args:
        model: Chooses actions.
        env: Reset first.
        deterministic: Take greedy actions instead of sampled ones.
        seed: Passed to `reset`.
        on_frame: Called after the reset and after every step.
    """
    observation, info = env.reset(seed=seed)
    on_frame()
    state, is_first, ended = None, np.ones(1, dtype=bool), False
    actions, rewards = [], []
    while not ended:
        action, state = model.predict(observation, state, is_first, deterministic)
        observation, reward, terminated, truncated, info = env.step(action)
        actions.append(action)
        rewards.append(float(reward))
        is_first[:], ended = False, terminated or truncated
        on_frame()
    return Episode(math.fsum(rewards), len(rewards), _success(info), actions=tuple(actions))


@contextlib.contextmanager
def acting(seed: int) -> Iterator[None]:
    """Seed what SB3 policies sample from and keep torch on one thread, for the length of a block."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), one_thread():
        torch.manual_seed(seed)
        yield


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a proportion, which stays within [0, 1] and is not empty at 0 or 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    share, penalty = successes / trials, _Z95**2 / trials
    centre = (share + penalty / 2) / (1 + penalty)
    half = _Z95 * math.sqrt(share * (1 - share) / trials + penalty / (4 * trials)) / (1 + penalty)
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def normal_interval(values: Sequence[float]) -> Interval:
    """Return the 95 % interval of a mean by the normal approximation; of one value, all numbers."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, -math.inf, math.inf)
    half = _Z95 * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half)


def _episodes(model: Policy, env: VecEnv, episodes: int, deterministic: bool) -> Iterator[Episode]:
    lanes = env.num_envs
    left = np.full(lanes, episodes // lanes) + (np.arange(lanes) < episodes % lanes)
    returns, (lengths, mistakes) = np.zeros(lanes), np.zeros((2, lanes), dtype=np.int64)
    observation, state, is_first = env.reset(), None, np.ones(lanes, dtype=bool)
    while left.any():
        actions, state = model.predict(observation, state, is_first, deterministic)
        observation, rewards, is_first, infos = env.step(actions)
        returns += rewards
        lengths += 1
        mistakes += [info.get(AVOIDABLE, 0) for info in infos]
        for lane in np.flatnonzero(is_first & (left > 0)):
            avoidable = int(mistakes[lane]) if AVOIDABLE in infos[lane] else None
            yield Episode(float(returns[lane]), int(lengths[lane]), _success(infos[lane]), avoidable)
        left -= is_first & (left > 0)
        returns[is_first], lengths[is_first], mistakes[is_first] = 0.0, 0, 0


def _success(info: dict[str, Any]) -> bool | None:
    return bool(info["is_success"]) if "is_success" in info else None
