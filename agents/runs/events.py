"""What TensorBoard is told when a run is complete: its final evaluation and its hyperparameters."""

from __future__ import annotations

import json
from collections.abc import Mapping

from stable_baselines3.common.logger import HParam

import memory_envs
from agents.evaluation.episodes import Evaluation
from agents.runs.directory import RunDirectory
from agents.runs.log import Events
from agents.runs.options import Options
from agents.runs.yardsticks import measure
from memory_envs.certificate import Certificate


def log_result(
    run: RunDirectory,
    options: Options,
    frames: int,
    evaluations: Mapping[str, Evaluation],
    certificate: Certificate | None,
) -> None:
    """Write what the final model does, and by which settings, so that TensorBoard can compare runs.

    Args:
        run: Whose events.
        options: Of the run.
        frames: Of training.
        evaluations: Of the final model by how actions were chosen.
        certificate: Of the task, which says what results are worth; None where none ships.
    """
    results = {
        f"evaluation/{how}/{name}": value
        for how, evaluation in evaluations.items()
        for name, value in _results(evaluation, certificate).items()
    }
    parameters = HParam(_hyperparameters(options), dict.fromkeys(results, 0.0))
    values = {**results, "hyperparameters": parameters}
    with run.written():
        events = Events(run.tensorboard, frames)
        events.write(values, dict.fromkeys(values, ()), frames)
        events.close()


def _results(evaluation: Evaluation, certificate: Certificate | None) -> dict[str, float]:
    results = {"return": evaluation.mean_return.mean, "length": evaluation.mean_length}
    if evaluation.success is not None:
        results["success"] = evaluation.success.mean
    if certificate is not None:
        metric, found = measure(evaluation, certificate)
        results["normalised_score"] = memory_envs.normalized_score(
            None, found.mean, metric, certificate=certificate
        )
    return results


def _hyperparameters(options: Options) -> dict[str, bool | float | str]:
    """All settings that are numbers, switches or words, others as text."""
    settings = {"agent": options.agent, **options.run.to_dict(), **options.config.to_dict()}
    return {
        name: value if isinstance(value, (bool, int, float, str)) else json.dumps(value, default=str)
        for name, value in settings.items()
    }
