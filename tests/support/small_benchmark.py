"""Run directories of a benchmark that nobody had to train: their files alone, with numbers to order."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MAZE, FETCH = "MemoryEnvs/IMaze-v0", "MemoryEnvs/MetaFetch-v0"
COLUMNS = (
    *("time/total_timesteps", "time/training_seconds", "time/cpu_seconds"),
    *("rollout/episodes", "rollout/success_rate", "rollout/ep_rew_mean", "loss/policy"),
)


def write_run(
    folder: Path,
    preset: str,
    seed: int,
    successes: Sequence[float],
    *,
    env: str = MAZE,
    worth: float = 1.0,
    env_kwargs: str = "{}",
    agent: str = "ald",
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Write a finished run with a row per success, 1,000 frames and 30 seconds apart.

    Args:
        folder: Of the benchmark.
        preset: Its name.
        seed: Of the run.
        successes: While training; the final model has the last one.
        env: Id of the environment.
        worth: Return of a success.
        env_kwargs: Settings of the environment, as JSON.
        agent: Its name.
        config: Its settings.
    """
    run = folder / f"{preset.replace('/', '-')}-s{seed}"
    run.mkdir(parents=True)
    settings: dict[str, Any] = {"preset": preset, "seed": seed, "env": env, "env_kwargs": env_kwargs}
    settings |= {"total_timesteps": 1000 * len(successes), "num_threads": 1, "run_dir": str(run)}
    session = {"processor": "abacus", "cores": 2, "libraries": {"torch": "2.13.0"}, "git": "c0ffee"}
    content = {
        "run": settings,
        "agent": agent,
        "config": dict(config or {"unroll_length": 8}),
        "sessions": [session],
    }
    (run / "config.json").write_text(json.dumps(content))
    with (run / "progress.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for k, success in enumerate(successes, start=1):
            table.writerow([1000 * k, 30 * k, 60 * k, 200, success, success * worth, 0.123456789])
    (run / "evaluation.json").write_text(json.dumps(evaluation(successes[-1], worth)))
    return run


def evaluation(success: float, worth: float = 1.0) -> dict[str, Any]:
    """Return what `evaluation.json` holds of a model that succeeds so often."""
    interval = {"mean": success, "low": success, "high": success}
    returns = {name: value * worth for name, value in interval.items()}
    one = {"episodes": 1000, "success": interval, "mean_return": returns, "mean_length": 20.0}
    return {"sampled": one, "deterministic": one}


def write_benchmark(folder: Path) -> Path:
    """Write runs of two tasks: of ALD that learns, and of another that does at times."""
    for seed in range(5):
        late = seed / 50
        write_run(folder, "imaze/ald", seed, [0.1, 0.6 - late, 0.96, 1.0 - late / 4])
        other = [0.05, 0.1, 0.3, 0.97 if seed < 2 else 0.5]
        write_run(folder, "imaze/vmpo-lstm", seed, other)
        write_run(folder, "meta-fetch/ald", seed, [0.1, 0.5, 0.9 - late], env=FETCH, worth=50.0)
    return folder
