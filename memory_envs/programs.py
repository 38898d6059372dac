"""The command `memory-envs`: the programs of the package, whatever lies in the working directory.

`python -m agents.train` finds an agents.py of the working directory first. This command does not.
"""

import argparse
import importlib
import importlib.util
import os
import runpy
import sys
from collections.abc import Sequence

from memory_envs.commands import REFUSED, refused
from memory_envs.registry.former_names import check_agents

PROGRAMS = {
    "mimic": "agents.mimic.train",
    **{
        name: f"agents.{name}"
        for name in ("train", "enjoy", "report", "benchmark", "export", "pretrained", "zoo")
    },
    **{
        name: f"memory_envs.{name}"
        for name in ("certificate", "dataset", "play", "replay", "survey", "testing")
    },
}
"""Names of the programs, and their modules."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a program; the working directory comes last on the path, for environments that lie there.

    Args:
        arguments: Its name and its own arguments; those of the process when None.

    Returns:
        The exit status: that of the program, 2 where it cannot be run.
    """
    options = _parser().parse_args(arguments)
    module = PROGRAMS[options.program]
    if module.startswith("agents."):
        try:
            check_agents(module)
        except ModuleNotFoundError as problem:
            return refused(problem)
        if importlib.util.find_spec("torch") is None:
            print(f'error: {options.program} needs pip install "memory-envs[agents]"', file=sys.stderr)
            return REFUSED
        importlib.import_module("agents")
    sys.path.append(os.getcwd())
    sys.argv = [f"memory-envs {options.program}", *options.arguments]
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memory-envs", description="Run a program of memory-envs.")
    parser.add_argument("program", choices=PROGRAMS, help="--help behind it lists its options")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the program")
    return parser


if __name__ == "__main__":
    sys.exit(main())
