"""The time that one step of acting takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from agents.evaluation.episodes import Policy
from agents.process.torch_modes import one_thread

# Numbers of observations in a step that are worth comparing: one environment, and many.
BATCHES = (1, 64)
WARM_UP = 50
# Bounds further apart than this are no scale to draw observations from.
WIDEST = 1e3


class Latency(NamedTuple):
    """The time that one step of a policy takes."""

    name: str
    microseconds: float
    """The median over rounds."""
    ratio: float
    """The median over rounds of its time to that of the first policy in the same round."""


def measure(
    policies: Mapping[str, Policy],
    space: spaces.Space[Any],
    lanes: int,
    *,
    rounds: int,
    steps: int,
    warm_up: int = WARM_UP,
) -> list[Latency]:
    """Time `predict` with sampled actions, memory handed on, all policies in turn in every round.

    Other work on the machine that lasts longer than a round slows all of them, so that ratios are reliable
    where times are not.

    Args:
        policies: By name; the first is what the others are compared with.
        space: Of one observation.
        lanes: Batch of a step.
        rounds: Over which medians are taken.
        steps: Of each policy in a round.
        warm_up: Steps of each policy before the first round.
    """
    observation, starts = sample_observations(space, lanes, seed=0), np.zeros(lanes, bool)
    with one_thread():
        steppers = [_stepper(model, observation, starts) for model in policies.values()]
        for step in steppers:
            _seconds(step, warm_up)
        seconds = np.array([[_seconds(step, steps) for step in steppers] for _ in range(rounds)])
    medians, ratios = np.median(seconds, axis=0), np.median(seconds / seconds[:, :1], axis=0)
    return [
        Latency(name, float(median) * 1e6, float(ratio))
        for name, median, ratio in zip(policies, medians, ratios, strict=True)
    ]


def sample_observations(space: spaces.Space[Any], lanes: int, seed: int) -> Any:
    """Draw [lanes, ...] observations: from the space where its bounds are a scale, else about 0.

    Uniform samples between the bounds of, say, single precision would only ever saturate a network.
    """
    if isinstance(space, spaces.Dict):
        return {key: sample_observations(space[key], lanes, seed + place) for place, key in enumerate(space)}
    batched = batch_space(space, lanes)
    batched.seed(seed)
    sample = batched.sample()
    return _scaled(sample, batched, seed) if isinstance(batched, spaces.Box) else sample


def _scaled(sample: NDArray[Any], space: spaces.Box, seed: int) -> NDArray[Any]:
    if space.dtype.kind != "f":
        return sample
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    normal = np.clip(np.random.default_rng(seed).normal(size=space.shape), low, high)
    return np.where(high - low > WIDEST, normal, sample).astype(space.dtype)


def _stepper(model: Policy, observation: Any, starts: Any) -> Callable[[], None]:
    """A function that takes one step and keeps the memory for the next."""
    state = None

    def step() -> None:
        nonlocal state
        _, state = model.predict(observation, state, starts, False)

    return step


def _seconds(step: Callable[[], None], times: int) -> float:
    """Per step."""
    begin = time.perf_counter()
    for _ in range(times):
        step()
    return (time.perf_counter() - begin) / times
