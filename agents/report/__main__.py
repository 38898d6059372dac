"""Write the report of a run or of a folder of runs: `python -m agents.report RUN_OR_FOLDER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.process.exit_status import FINISHED, exit_status
from agents.report.content import EPISODES, FEW_GROUPS, content
from agents.report.page import page, title_of
from agents.results.acting import read_acting
from agents.results.records import TABLE, read_records
from agents.results.runs import Clock, distinct, find_runs
from memory_envs.files import replacing

FILE_NAME = "report.html"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _report(options))


def _report(options: argparse.Namespace) -> int:
    path = write_report(
        options.path,
        options.out,
        episodes=options.episodes,
        seed=options.seed,
        clock=options.clock,
        say=print,
    )
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, open it in a browser")
    return FINISHED


def write_report(
    path: str | Path,
    out: str | Path | None = None,
    *,
    episodes: int | None = None,
    seed: int = 0,
    clock: Clock = "wall",
    say: Callable[[str], object] = lambda line: None,
) -> Path:
    """Write the report of a run, or of all runs below a folder, as one HTML file.

    Args:
        path: Run directory, or a folder that holds some, or the raw data of a benchmark: without models, it
            shows no episodes.
        out: The file; report.html in `path` when None.
        episodes: To show of each kind of run; 0 shows none. When None, 4, or 1 of more than 3 kinds.
        seed: Of these episodes; no training run has played them.
        clock: Whose minutes are shown: those of the wall clock or the processor's.
        say: Told what is left out: runs with the settings and seed of another one.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no run, or no folder to write to.
        ValueError: A run or a model in it cannot be read, or has not logged the processor's time.
    """
    runs = read_records(path) if (Path(path) / TABLE).is_file() else find_runs(path)
    runs, repetitions = distinct(runs)
    for run in repetitions:
        say(f"left out, as another run has its settings and its seed: {run.directory.path}")
    runs = tuple(run.timed_by(clock) for run in runs)
    file = Path(path) / FILE_NAME if out is None else Path(out)
    data = content(runs, episodes, seed, read_acting(path)) | {"clock": clock}
    groups = [group for task in data["tasks"] for group in task["groups"]]
    text = page(title_of([task["name"] for task in data["tasks"]], groups), data)
    with replacing(file) as unfinished:
        unfinished.write_bytes(text.encode())
    return file


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.report",
        description="Write one HTML page about a run, or about all runs in a folder, in which episodes play.",
    )
    parser.add_argument(
        "path",
        metavar="RUN_OR_FOLDER",
        help="run directory, a folder that holds some, or what a benchmark collected",
    )
    parser.add_argument("--out", metavar="FILE", help=f"the page; {FILE_NAME} in the folder when not given")
    parser.add_argument(
        "--episodes",
        type=_below(sys.maxsize),
        help=f"to show of each kind of run, failures among them if there are any; {EPISODES} when not given, "
        f"or 1 where there are more than {FEW_GROUPS} kinds",
    )
    parser.add_argument(
        "--clock",
        choices=get_args(Clock),
        default="wall",
        help="whose minutes are shown: the processor's hardly depend on what else the machine did",
    )
    parser.add_argument(
        "--seed", type=_below(FIRST_EVALUATION_SEED), default=0, help="of these episodes, 0 when not given"
    )
    return parser


def _below(limit: int) -> Callable[[str], int]:
    """A type for argparse: an integer from 0 and below a limit."""

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) >= limit:
            raise argparse.ArgumentTypeError(f"must be an integer from 0 and below {limit}, got {text!r}")
        return int(text)

    return convert


if __name__ == "__main__":
    sys.exit(main())
