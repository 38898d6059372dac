"""Write the report of a run or of a folder of runs: `python -m agents.report RUN_OR_FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import tyro

from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.process.exit_status import FINISHED, exit_status
from agents.report.page import page, title_of
from agents.report.players import players_data
from agents.report.sections import section
from agents.results.acting import StepTimes, read_acting
from agents.results.looks import titles
from agents.results.records import TABLE, read_records
from agents.results.runs import Clock, by_task, distinct, find_runs, grouped
from memory_envs.commands import run_program
from memory_envs.files import check_output, replacing

FILE_NAME = "report.html"


def report(
    path: tyro.conf.Positional[Path],
    out: Path | None = None,
    episodes: int | None = None,
    clock: Clock = "wall",
    seed: int = 0,
    trust_env_module: bool = False,
) -> int:
    """Write one HTML page about a run, or about all runs in a folder, in which episodes play.

    Args:
        path: Run directory, a folder that holds some, or what a benchmark collected.
        out: File to write; default: report.html in that folder.
        episodes: Number to show of each experiment; default: one of each kind of start, at most 4. A failure
            is added if none of these is one and one can be found.
        clock: Wall-clock or CPU minutes; the latter hardly depend on what else the machine did.
        seed: Seed of these episodes; no training run has played them.
        trust_env_module: Import the module that a run names, where its environment is a "module:id".
    """
    file = write_report(
        path,
        out,
        episodes=episodes,
        seed=seed,
        clock=clock,
        say=print,
        trust_env_module=trust_env_module,
    )
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, open it in a browser")
    return FINISHED


def write_report(
    path: str | Path,
    out: str | Path | None = None,
    *,
    episodes: int | None = None,
    seed: int = 0,
    clock: Clock = "wall",
    say: Callable[[str], object] = lambda line: None,
    trust_env_module: bool = False,
) -> Path:
    """Write the report of a run, or of all runs below a folder, as one HTML file.

    Args:
        path: Run directory, or a folder that holds some, or the raw data of a benchmark: without models, it
            shows no episodes.
        out: The file; report.html in `path` when None.
        episodes: To show of each experiment; 0 shows none. When None, one of each kind of start, at most 4.
            A failure is added if none of these is one and one can be found.
        seed: Of these episodes; no training run has played them.
        clock: Whose minutes are shown: those of the wall clock or the processor's.
        say: Told what is left out, and why: runs with the settings and seed of another one, or that cannot be
            read, and models that cannot be played.
        trust_env_module: Whether the module of a run's environment "module:id" may be imported; runs of such
            environments are else shown without episodes.

    Returns:
        The file.

    Raises:
        FileNotFoundError: There is no run, or no folder to write to.
        ValueError: A number is out of its range, or a run or a model in it cannot be read, or has not logged
            the processor's time.
    """
    for name, value, limit in (("episodes", episodes, sys.maxsize), ("seed", seed, FIRST_EVALUATION_SEED)):
        if value is not None and not 0 <= value < limit:
            raise ValueError(f"{name} must be an integer from 0 and below {limit}, got {value}")
    file = Path(path) / FILE_NAME if out is None else Path(out)
    check_output("out", out)
    runs = read_records(path) if (Path(path) / TABLE).is_file() else find_runs(path, say)
    runs, repetitions = distinct(runs)
    for run in repetitions:
        say(f"Left out, same settings and seed as another run: {run.directory.path}")
    tasks = {
        name: grouped([run.timed_by(clock) for run in of_task]) for name, of_task in by_task(runs).items()
    }
    acting = _acting(path, say)
    sections = [
        section(name, groups, acting, clock, number) for number, (name, groups) in enumerate(tasks.items())
    ]
    title = title_of(list(tasks), [name for groups in tasks.values() for name in titles(groups).values()])
    players = players_data(tasks, episodes, seed, say, trust_env_module)
    text = page(title, sections, players)
    with replacing(file) as unfinished:
        unfinished.write_bytes(text.encode(errors="backslashreplace"))  # halves of characters in names
    return file


def _acting(path: str | Path, say: Callable[[str], object]) -> StepTimes:
    try:
        return read_acting(path)
    except ValueError as problem:
        say(f"Left out, {problem}")
        return {}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    return exit_status(lambda: tyro.cli(report, prog="python -m agents.report", args=arguments))


if __name__ == "__main__":
    run_program(main)
