"""An exported actor beside Stable-Baselines3's `predict`: a table of the time per step."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from itertools import chain
from typing import Any

import gymnasium
from gymnasium import spaces
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.preprocessing import is_image_space

from agents.evaluation.latency import BATCHES, Latency, measure
from agents.export.c_actor import CActor
from agents.export.onnx_actor import OnnxActor
from agents.figures.table import Row, Table
from agents.process.provenance import available_cores, provenance

DEFAULT_LSTM_SIZE = 256
LIBRARIES = ("onnxruntime", "torch", "sb3-contrib")
# Rounds are long enough that caches filled by the policy before do not matter.
ROUNDS, STEPS_PER_ROUND = 30, 150


def latency_table(
    model: Any, exported: str | os.PathLike[str], *, rounds: int = ROUNDS, steps: int = STEPS_PER_ROUND
) -> str:
    """Compare an exported actor with its model and with RecurrentPPO, of the same LSTM size and of 256 units.

    Args:
        model: The model that was exported.
        exported: Its file.
        rounds: As in `measure`.
        steps: As in `measure`.

    Returns:
        A Markdown table with the machine below it.
    """
    space, size = model.policy.observation_space, model.policy.lstm_output_dim
    contenders = {
        f"exported actor, {size} units": exported_actor(exported),
        f"{type(model).__name__}.predict, {size} units": model,
        **{
            f"RecurrentPPO.predict, {units} units": recurrent_ppo(space, model.action_space, units)
            for units in dict.fromkeys((size, DEFAULT_LSTM_SIZE))
        },
    }
    columns = [measure(contenders, space, lanes, rounds=rounds, steps=steps) for lanes in BATCHES]
    return f"{_table(columns)}\n\n{_circumstances(rounds, steps)}"


def exported_actor(path: str | os.PathLike[str]) -> OnnxActor | CActor:
    """Return what runs a file that `agents.export` wrote."""
    return CActor(path, seed=0) if os.fspath(path).endswith(".c") else OnnxActor(path, seed=0)


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
    """An environment that only has spaces."""

    def __init__(self, observation_space: spaces.Space[Any], action_space: Any) -> None:
        self.observation_space, self.action_space = observation_space, action_space


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
    return f"{latency.microseconds:.{1 if latency.microseconds < 10 else 0}f} us", f"{latency.ratio:.1f}"
