"""RL Baselines3 Zoo with the agents of this package: `python -m agents.zoo train --algo ald --env ID`.

`train` and `enjoy` are the zoo's own programs and take its options; `hyperparams` writes the presets as YAML.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

import gymnasium
import torch

import memory_envs  # noqa: F401  (registers the ids)
from agents.process.exit_status import FINISHED, exit_status, refused
from agents.process.extras import require
from memory_envs.commands import run_program
from memory_envs.registry.lookup import look_up

PROGRAM = "python -m agents.zoo"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The name of a program and what the zoo's program of that name takes; the command line of
            the process when None.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    parser = argparse.ArgumentParser(prog=PROGRAM, description=__doc__)
    parser.add_argument("program", choices=_PROGRAMS, help="--help behind it lists its options")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the program")
    options = parser.parse_args(arguments)
    return _PROGRAMS[options.program](options.arguments)


def train(arguments: Sequence[str]) -> int:
    """Train, or search hyperparameters, as `python -m rl_zoo3.train` does; one thread unless told otherwise.

    Returns:
        The exit status.
    """
    status = exit_status(lambda: _checked(arguments))
    if status != FINISHED:
        return status
    from rl_zoo3.train import train as zoo

    from agents.zoo.experiment import RefusedExperiment

    torch.set_num_threads(1)  # the networks are small; --num-threads comes later
    sys.argv = [f"{PROGRAM} train", *arguments]
    try:
        zoo()
    except RefusedExperiment as problem:
        return refused(problem)
    return FINISHED


def enjoy(arguments: Sequence[str]) -> int:
    """Watch what was trained, as `python -m rl_zoo3.enjoy` does, in the folder where `train` puts it.

    Returns:
        The exit status.
    """

    def shown() -> int:
        _checked(arguments)
        from rl_zoo3.enjoy import enjoy as zoo  # its ALGOS are known by now

        torch.set_num_threads(1)
        sys.argv = [f"{PROGRAM} enjoy", "--folder", "logs", *arguments]  # the last one given counts
        zoo()
        return FINISHED

    return exit_status(shown, AssertionError)  # what the zoo says where there is no such folder


def hyperparams(arguments: Sequence[str]) -> int:
    """Write the presets into the YAML files of this package.

    Returns:
        The exit status.
    """
    argparse.ArgumentParser(prog=f"{PROGRAM} hyperparams").parse_args(arguments)

    def written() -> int:
        require("rl_zoo3", PROGRAM)
        from agents.zoo.hyperparameters import write

        for file in write():
            print(file)
        return FINISHED

    return exit_status(written)


def _checked(arguments: Sequence[str]) -> int:
    """Make our agents known to the zoo, and refuse an algorithm or environment that there is not.

    Raises:
        ImportError: The zoo is not installed; names the extra.
        ValueError, gymnasium.error.Error: Naming what there is.
    """
    zoo = require("rl_zoo3", PROGRAM)
    importlib.import_module("agents.zoo.experiment").register()
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--algo", default="ppo")
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--gym-packages", nargs="+", default=[])
    given, _ = parser.parse_known_args(arguments)
    look_up(zoo.ALGOS, "algorithm", given.algo)
    for module in given.gym_packages:
        importlib.import_module(module)
    gymnasium.spec(given.env)
    return FINISHED


_PROGRAMS = {"train": train, "enjoy": enjoy, "hyperparams": hyperparams}

if __name__ == "__main__":
    run_program(main)
