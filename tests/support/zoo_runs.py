"""The programs of `agents.zoo` one after the other: `python -m tests.support.zoo_runs`.

They write into the working directory. A process of their own, since importing the zoo changes Gymnasium's
TimeLimit and NumPy for good. What each run printed and its exit status come out as JSON.
"""

import contextlib
import io
import json
import sys

from agents.zoo.__main__ import main

MAZE = ["--env", "MemoryEnvs/IMaze-v0", "--env-kwargs", "size:7", "max_episode_steps:12", "--seed", "3"]
SMALL = [*MAZE, "--eval-episodes", "2", "--verbose", "0"]
UNROLLS = ["unroll_length:10", "learner_replays:1", "distillation_steps:1", "replay_size:2", "n_envs:4"]
ROLLOUTS = ["n_steps:8", "batch_size:16", "n_epochs:1", "n_envs:4"]
SEARCH = [
    "-optimize",
    "--n-trials",
    "2",
    "--n-startup-trials",
    "1",
    "--n-evaluations",
    "1",
    "--no-optim-plots",
]
RUNS = {
    "train ald": ["train", "--algo", "ald", *SMALL, "-n", "120", "--eval-freq", "80", "-params", *UNROLLS],
    "train fast_recurrent_ppo": [
        *("train", "--algo", "fast_recurrent_ppo", *SMALL, "-n", "64", "--eval-freq", "-1"),
        *("-params", *ROLLOUTS),
    ],
    "train ppo_lstm": [
        *("train", "--algo", "ppo_lstm", *SMALL, "-n", "64", "--eval-freq", "-1", "-params", *ROLLOUTS),
    ],
    "train ppo": ["train", "--algo", "ppo", "-n", "64", "--eval-freq", "-1", "-params", "n_steps:8"],
    "enjoy ald": ["enjoy", "--algo", "ald", *MAZE, "--no-render", "-n", "30"],
    "enjoy fast_recurrent_ppo": ["enjoy", "--algo", "fast_recurrent_ppo", *MAZE, "--no-render", "-n", "30"],
    "search ald": ["train", "--algo", "ald", *SMALL, *SEARCH, "-n", "120", "-params", "n_envs:2"],
    "no such algorithm": ["train", "--algo", "alt", *MAZE],
    "no such environment": ["train", "--algo", "ald", "--env", "MemoryEnvs/IMaz-v0"],
    "no such setting": ["train", "--algo", "ald", *SMALL, "-params", "learning_rte:1"],
    "no such size": ["train", "--algo", "ald", "--env", "MemoryEnvs/IMaze-v0", "--env-kwargs", "size:4"],
    "nothing to enjoy": ["enjoy", "--algo", "vmpo", *MAZE],
}


def status_and_output(arguments: list[str]) -> tuple[int, str, str]:
    """Run a program; its exit status and what it printed on each stream."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        status = main(arguments)
    return status, out.getvalue(), error.getvalue()


if __name__ == "__main__":
    json.dump({name: status_and_output(arguments) for name, arguments in RUNS.items()}, sys.stdout)
