"""Runs of the training program that take about a second."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from agents.train import main

ENV = "MemoryEnvs/IMaze-v0"
# The smallest maze, and short episodes: the replay at the end is looked for in dozens of them.
MAZE = ("--env", ENV, "--env-kwargs", json.dumps({"size": 5, "view_size": 1, "max_episode_steps": 20}))
UNROLL = 4 * 8  # frames
UNROLLS = 20  # of the run that the others are compared with
SMALL = (
    *("--num-envs", "4", "--unroll-length", "8", "--learner-layers", "1", "--learner-width", "16"),
    *("--learner-heads", "2", "--learner-mlp-width", "16", "--learner-memory", "8", "--replay-size", "3"),
    *("--learner-replays", "1", "--distillation-steps", "2"),
    *("--num-threads", "1", "--evaluation-episodes", "4", "--log-every", "5", "--device", "cpu"),
)


def run_small(folder: Path, unrolls: int, *more: str, task: Sequence[str] = MAZE) -> int:
    """Train for some unrolls; return the exit status."""
    length = ("--run-dir", str(folder), "--total-timesteps", str(unrolls * UNROLL))
    return main([*task, *length, *SMALL, *more])


def resume(folder: Path, *more: str) -> int:
    """Resume a run; return the exit status."""
    return main(["--resume", str(folder), *more])
