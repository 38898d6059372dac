"""What one step of acting takes: each policy of a benchmark beside the others of its task."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from agents.evaluation.latency import BATCHES, measure
from agents.results.runs import Group
from agents.runs.log import read_table
from agents.runs.trained import load_model
from memory_envs.files import replacing

FILE_NAME = "acting.csv"
COLUMNS = ("experiment", "batch", "microseconds", "ratio")
# Shorter than for a comparison of two actors: some policies need 100 times as long as others.
ROUNDS, STEPS = 10, 50


class StepTime(NamedTuple):
    """Of one step, with a batch of observations, in one thread."""

    microseconds: float
    ratio: float
    """To the time of the task's first experiment, measured in the same rounds."""


# Experiment -> batch -> time.
StepTimes = Mapping[str, Mapping[int, StepTime]]


def measure_acting(groups: Sequence[Group], rounds: int = ROUNDS, steps: int = STEPS) -> StepTimes:
    """Time `predict` of the final model of each group, sampled actions, memory handed on.

    Args:
        groups: Of one task; those without a final model are left out.
        rounds: In each of which all are timed.
        steps: Of a round.
    """
    models = {group.name: _model(group) for group in groups if group.finished is not None}
    times: dict[str, dict[int, StepTime]] = {name: {} for name in models}
    for batch in BATCHES if models else ():
        space = next(iter(models.values())).policy.observation_space
        for name, microseconds, ratio in measure(models, space, batch, rounds=rounds, steps=steps):
            times[name][batch] = StepTime(microseconds, ratio)
    return times


def write_acting(folder: Path, times: StepTimes) -> Path:
    """Write a row per experiment and batch."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for experiment, by_batch in times.items():
        for batch, time in by_batch.items():
            writer.writerow([experiment, batch, f"{time.microseconds:.1f}", f"{time.ratio:.2f}"])
    with replacing(folder / FILE_NAME) as file:
        file.write_bytes(text.getvalue().encode())
    return folder / FILE_NAME


def read_acting(folder: str | Path) -> StepTimes:
    """Return what `write_acting` wrote; nothing if nobody measured.

    Raises:
        ValueError: A column is missing or holds no number.
    """
    path, times = Path(folder) / FILE_NAME, dict[str, dict[int, StepTime]]()
    if not path.is_file():
        return times
    try:
        for row in read_table(path):
            time = StepTime(float(row["microseconds"]), float(row["ratio"]))
            times.setdefault(row["experiment"], {})[int(row["batch"])] = time
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"{path} must have the columns {', '.join(COLUMNS)}: {problem!r}") from problem
    return times


def _model(group: Group) -> Any:
    assert group.finished is not None
    return load_model(group.finished.directory.model)
