"""The best settings of RecurrentPPO on I-Maze where time costs something, by Optuna (needs optuna).

python examples/tune_recurrent_ppo.py --trials 16 --frames 1000000 --folder runs/tune

Each trial is a run of `python -m agents.train --preset imaze-step-penalty/recurrent-ppo` with settings that
Optuna's TPE draws. Its value is the mean success rate over the run, so that early success counts for more; a
trial that is below the median of the trials before it is broken off after half of its frames. The study is
kept in the folder: the same command continues it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna

from agents.runs.log import FRAMES, column, sound_rows

POLL_SECONDS = 2.0
# Found by hand; where the search begins.
KNOWN = {
    "learning-rate": 1e-3,
    "ent-coef": 0.03,
    "vf-coef": 0.5,
    "gamma": 0.99,
    "gae-lambda": 0.98,
    "n-steps": 256,
    "n-epochs": 10,
    "batch-size": 2048,
}


def settings(trial: optuna.Trial) -> dict[str, float]:
    """What a trial trains with, by the names of the program's arguments."""
    learning_rate = trial.suggest_float("learning-rate", 3e-4, 3e-3, log=True)
    return {
        "learning-rate": learning_rate,
        "final-learning-rate": learning_rate / 10,
        "ent-coef": trial.suggest_float("ent-coef", 0.01, 0.1, log=True),
        "vf-coef": trial.suggest_float("vf-coef", 0.05, 1.0, log=True),
        "gamma": trial.suggest_categorical("gamma", [0.97, 0.98, 0.99]),
        "gae-lambda": trial.suggest_categorical("gae-lambda", [0.9, 0.95, 0.98, 1.0]),
        "n-steps": trial.suggest_categorical("n-steps", [64, 128, 256]),
        "n-epochs": trial.suggest_categorical("n-epochs", [5, 10, 15]),
        "batch-size": trial.suggest_categorical("batch-size", [1024, 2048, 4096]),
    }


def success_rates(run: Path) -> list[tuple[int, float]]:
    """Frames and success rates that a run has logged so far."""
    rows = sound_rows(run / "progress.csv")
    pairs = zip(column(rows, FRAMES), column(rows, "rollout/success_rate"), strict=True)
    return [(int(frames), 0.0 if np.isnan(rate) else rate) for frames, rate in pairs]


def objective(trial: optuna.Trial, folder: Path, frames: int) -> float:
    """Train, tell Optuna of every row, and return the mean success rate over the run."""
    run = folder / f"trial-{trial.number}"
    command = [sys.executable, "-m", "agents.train", "--preset", "imaze-step-penalty/recurrent-ppo"]
    command += ["--num-threads", "1", "--seed", "0", "--total-timesteps", str(frames), "--run-dir", str(run)]
    for name, value in settings(trial).items():
        command += [f"--{name}", str(value)]
    told, quiet = 0, subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        while True:
            has_ended = process.poll() is not None
            rows = success_rates(run)
            for count in range(told + 1, len(rows) + 1):
                trial.report(float(np.mean([rate for _, rate in rows[:count]])), rows[count - 1][0])
            told = len(rows)
            if has_ended:
                break
            if trial.should_prune():
                process.terminate()
                raise optuna.TrialPruned
            time.sleep(POLL_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return float(np.mean([rate for _, rate in rows]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Go on with the study until it has so many trials; print them, the best first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=16, help="of the study in all")
    parser.add_argument("--frames", type=int, default=1_000_000, help="of each trial")
    parser.add_argument("--folder", type=Path, default=Path("runs/tune"), help="of runs and study")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name="imaze/recurrent-ppo",
        storage=f"sqlite:///{options.folder / 'study.db'}",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=6, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=options.frames // 2),
        load_if_exists=True,
    )
    if not study.trials:
        study.enqueue_trial(KNOWN)
    study.optimize(
        lambda trial: objective(trial, options.folder, options.frames),
        n_trials=max(0, options.trials - len(study.trials)),
    )
    reported = [trial for trial in study.trials if trial.intermediate_values]
    for trial in sorted(reported, key=lambda trial: -max(trial.intermediate_values.values())):
        frames, mean = list(trial.intermediate_values.items())[-1]
        print(
            f"trial {trial.number}, {trial.state.name.lower()}: {mean:.3f} after {frames:,}; {trial.params}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
