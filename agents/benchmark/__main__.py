"""Run a benchmark, collect its raw data, draw figures: `python -m agents.benchmark run|collect|figures`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import tyro
from filelock import FileLock, Timeout
from rich.console import Console

from agents.benchmark.board import Board
from agents.benchmark.collect import collect as collect_runs
from agents.benchmark.figures import save_figures
from agents.benchmark.grid import Cell, make_grid
from agents.benchmark.pool import run_cells
from agents.benchmark.readme import save_readme
from agents.process.console import plain_console
from agents.process.exit_status import FAILED, FINISHED, INTERRUPTED, exit_status
from agents.process.provenance import available_cores
from agents.results.acting import read_acting
from agents.results.comparison import SUBJECT
from agents.results.records import read_records
from agents.results.runs import Clock
from memory_envs.commands import run_program
from memory_envs.registry.lookup import look_up

EVALUATION_EPISODES = 1000


def run(
    presets: tuple[str, ...],
    folder: Path = Path("runs/benchmark"),
    seeds: int = 5,
    first_seed: int = 0,
    total_timesteps: int | None = None,
    evaluation_episodes: int = EVALUATION_EPISODES,
    jobs: int | None = None,
    threads_per_run: int = 1,
    options: str = "",
) -> int:
    """Run every preset with every seed; the same command continues an interrupted benchmark.

    Args:
        presets: Experiments, by their names in registry/presets.py.
        folder: Directory of the runs; those that are finished are not run again.
        seeds: Number of seeds per preset.
        first_seed: The lowest seed.
        total_timesteps: Frames of training; default: those of each preset.
        evaluation_episodes: Episodes of the evaluation at the end of each run.
        jobs: Runs at the same time; default: number of cores / --threads-per-run.
        threads_per_run: Threads of each run.
        options: More options of the training program, for every run, as in --options="--device cuda".
    """
    for name, value in (("seeds", seeds), ("jobs", jobs), ("threads_per_run", threads_per_run)):
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    given = ["--evaluation-episodes", str(evaluation_episodes), "--num-threads", str(threads_per_run)]
    numbers = range(first_seed, first_seed + seeds)
    cells = make_grid(presets, numbers, folder, total_timesteps, [*given, *shlex.split(options)])
    for cell in cells:
        cell.check()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = jobs or max(1, available_cores() // threads_per_run)
    try:
        with FileLock(folder / ".lock", blocking=False):
            return _run(cells, jobs, threads_per_run, plain_console())
    except Timeout:
        raise BlockingIOError(f"another benchmark runs in {folder}: wait, or give another --folder") from None


def collect(folder: tyro.conf.Positional[Path], out: Path, measure_acting: bool = True) -> int:
    """Gather what figures and tables need of finished runs, small enough for a repository.

    Args:
        folder: Of the runs.
        out: Folder to write runs.json, acting.csv and curves/ to, such as docs/results/imaze.
        measure_acting: Time a step of each policy; needs a quiet machine and some seconds per policy.
    """
    console = plain_console()
    collected = collect_runs(folder, out, measure_acting)
    for each in collected.left_out:
        console.print(f"Left out, not finished: {each}", soft_wrap=True, highlight=False)
    console.print(f"{len(collected.runs)} runs in {out}", soft_wrap=True, highlight=False)
    return FINISHED


def figures(
    folder: tyro.conf.Positional[Path],
    images: Path | None = None,
    agent: str = SUBJECT,
    clock: Clock = "wall",
) -> int:
    """Draw every figure and write every table of a benchmark, from its raw data alone.

    Args:
        folder: Raw data that `collect` wrote; README.md is written there.
        images: Folder for the figures; default: that of the raw data.
        agent: End of the name of the preset whose probability of improvement over the others is shown.
        clock: Wall-clock or CPU minutes; the latter hardly depend on what else the machine did.
    """
    runs, acting = tuple(run.timed_by(clock) for run in read_records(folder)), read_acting(folder)
    if agent != SUBJECT:  # which is shown where it took part
        look_up({run.group.rpartition("/")[2]: run for run in runs}, "agent", agent)
    drawn = save_figures(runs, acting, images or folder, folder.resolve().name, agent, clock)
    page = save_readme(runs, acting, folder, drawn, agent, clock)
    for path in (*(path for each in drawn.values() for path in each), page):
        print(path)
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 1 a run failed, 2 refused, 130 interrupted.
    """
    return exit_status(
        lambda: tyro.extras.subcommand_cli_from_dict(
            {"run": run, "collect": collect, "figures": figures},
            prog="python -m agents.benchmark",
            description=__doc__,
            args=arguments,
        )
    )


def _run(cells: Sequence[Cell], jobs: int, threads: int, console: Console) -> int:
    left = [cell for cell in cells if cell.state() != "finished"]
    console.print(
        f"{len(left)} of {len(cells)} runs to do, {min(jobs, len(left))} at a time, {threads} threads each",
        highlight=False,
    )
    with Board(console, len(left)) as board:
        outcomes = run_cells(left, jobs, threads, board)
    failed = [outcome for outcome in outcomes if outcome.result == "failed"]
    if any(outcome.result == "interrupted" for outcome in outcomes) or len(outcomes) < len(left):
        console.print("Interrupted. Run the same command again to continue.")
        return INTERRUPTED
    for outcome in failed:
        console.print(f"Failed: {outcome.cell.label}, see {outcome.cell.log}", highlight=False)
    return FAILED if failed else FINISHED


if __name__ == "__main__":
    run_program(main, outlives_readers=True)
