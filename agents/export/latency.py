"""The time that one step of acting takes: an exported actor beside Stable-Baselines3's `predict`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from itertools import chain
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.preprocessing import is_image_space

from agents.evaluation.episodes import Policy
from agents.export.check import sample_observations
from agents.export.onnx_actor import OnnxActor
from agents.figures.table import Row, Table
from agents.process.provenance import available_cores, provenance
from agents.process.torch_modes import one_thread

BATCHES = (1, 64)
DEFAULT_LSTM_SIZE = 256
LIBRARIES = ("onnxruntime", "torch", "sb3-contrib")
# Rounds long enough that the caches, which the contender before has filled with its own, are of no account.
ROUNDS, STEPS_PER_ROUND, WARM_UP = 30, 150, 50


class Latency(NamedTuple):
    """The time of one step of a contender."""

    name: str
    microseconds: float
    """The median over rounds."""
    ratio: float
    """The median over rounds of its time to that of the first contender in the same round."""


def measure(
    contenders: Mapping[str, Policy],
    space: spaces.Space[Any],
    lanes: int,
    *,
    rounds: int,
    steps: int,
    warm_up: int = WARM_UP,
) -> list[Latency]:
    """Time `predict` with sampled actions, memory handed on, all contenders in turn in every round.

    What disturbs the machine for longer than a round disturbs all of them, so that ratios hold where times
    do not.

    Args:
        contenders: By name; the first is what the others are compared with.
        space: Of one observation.
        lanes: Batch of a step.
        rounds: Over which medians are taken.
        steps: Of each contender in a round.
        warm_up: Steps of each contender before the first round.
    """
    observation, starts = sample_observations(space, lanes, seed=0), np.zeros(lanes, bool)
    with one_thread():
        steppers = [_stepper(model, observation, starts) for model in contenders.values()]
        for step in steppers:
            _seconds(step, warm_up)
        seconds = np.array([[_seconds(step, steps) for step in steppers] for _ in range(rounds)])
    medians, ratios = np.median(seconds, axis=0), np.median(seconds / seconds[:, :1], axis=0)
    return [
        Latency(name, float(median) * 1e6, float(ratio))
        for name, median, ratio in zip(contenders, medians, ratios, strict=True)
    ]


def latency_table(
    model: Any, exported: str | os.PathLike[str], *, rounds: int = ROUNDS, steps: int = STEPS_PER_ROUND
) -> str:
    """Compare an exported actor with its model and with RecurrentPPO, of the same LSTM size and of 256 units.

    Args:
        model: What was exported.
        exported: The file.
        rounds: As in `measure`.
        steps: As in `measure`.

    Returns:
        A Markdown table with the machine below it.
    """
    space, size = model.observation_space, model.policy.lstm_output_dim
    contenders = {
        f"exported actor, {size} units": OnnxActor(exported, seed=0),
        f"{type(model).__name__}.predict, {size} units": model,
        **{
            f"RecurrentPPO.predict, {units} units": recurrent_ppo(space, model.action_space, units)
            for units in dict.fromkeys((size, DEFAULT_LSTM_SIZE))
        },
    }
    columns = [measure(contenders, space, lanes, rounds=rounds, steps=steps) for lanes in BATCHES]
    return f"{_table(columns)}\n\n{_circumstances(rounds, steps)}"


def recurrent_ppo(observation_space: spaces.Space[Any], action_space: Any, units: int) -> RecurrentPPO:
    """Return an untrained RecurrentPPO of default settings but for its LSTM's size."""
    several = isinstance(observation_space, spaces.Dict)
    kind = "MultiInput" if several else "Cnn" if is_image_space(observation_space) else "Mlp"
    return RecurrentPPO(
        f"{kind}LstmPolicy",
        _Spaces(observation_space, action_space),
        device="cpu",
        policy_kwargs={"lstm_hidden_size": units},
    )


class _Spaces(gymnasium.Env[Any, Any]):
    """An environment for those that only ask it for its spaces."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space


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


def _circumstances(rounds: int, steps: int) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    return (
        f"Medians of {rounds} rounds of {steps} steps, one thread; "
        f"{provenance()['processor']}, {available_cores()} cores; {versions}"
    )


def _table(columns: Sequence[Sequence[Latency]]) -> str:
    head = ["one step", *(name for lanes in BATCHES for name in (f"batch {lanes}", "ratio"))]
    rows = [(row[0].name, [_told(each) for each in row]) for row in zip(*columns, strict=True)]
    return Table(head, [Row(name, list(chain(*cells))) for name, cells in rows]).markdown()


def _told(latency: Latency) -> tuple[str, str]:
    return f"{latency.microseconds:.0f} us", f"{latency.ratio:.1f}"
