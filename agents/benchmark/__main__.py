"""Run a benchmark, collect its raw data, draw figures: `python -m agents.benchmark run|collect|figures`.

The same for tasks of other people: `foreign`, `foreign-collect`, `foreign-page`.
"""

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
from agents.benchmark.foreign import grid as foreign_grid
from agents.benchmark.foreign import records as foreign_records
from agents.benchmark.foreign.page import save_page
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
# Of a run on other people's tasks, whose episodes are long and whose returns are compared over seeds.
FOREIGN_EPISODES = 100


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
    _require_at_least_one(seeds=seeds, jobs=jobs, threads_per_run=threads_per_run)
    given = ["--evaluation-episodes", str(evaluation_episodes), "--num-threads", str(threads_per_run)]
    numbers = range(first_seed, first_seed + seeds)
    cells = make_grid(presets, numbers, folder, total_timesteps, [*given, *shlex.split(options)])
    return _run_alone(cells, folder, jobs, threads_per_run, plain_console())


def collect(
    folder: tyro.conf.Positional[Path], out: Path, measure_acting: bool = True, add: bool = False
) -> int:
    """Gather what figures and tables need of finished runs, small enough for a repository.

    Args:
        folder: Of the runs.
        out: Folder to write runs.json, acting.csv and curves/ to, such as docs/results/imaze.
        measure_acting: Time a step of each policy; needs a quiet machine and some seconds per policy.
        add: Keep the runs that the folder of raw data holds already; none of them may be among the new ones.
    """
    console = plain_console()
    collected = collect_runs(folder, out, measure_acting, add)
    for each in collected.left_out:
        console.print(f"Left out, not finished: {each}", soft_wrap=True, highlight=False)
    console.print(f"{len(collected.runs)} runs in {out}", soft_wrap=True, highlight=False)
    return FINISHED


def figures(
    folder: tyro.conf.Positional[Path],
    images: Path | None = None,
    agent: str = SUBJECT,
    clock: Clock = "wall",
    paper: bool = False,
) -> int:
    """Draw every figure and write every table of a benchmark, from its raw data alone.

    Args:
        folder: Raw data that `collect` wrote; README.md is written there.
        images: Folder for the figures; default: that of the raw data.
        agent: End of the name of the preset whose probability of improvement over the others is shown.
        clock: Wall-clock or CPU minutes; the latter hardly depend on what else the machine did.
        paper: Draw the points that were read off the paper's figures as well, of 9x9 I-Maze.
    """
    runs, acting = tuple(run.timed_by(clock) for run in read_records(folder)), read_acting(folder)
    if agent != SUBJECT:  # which is shown where it took part
        look_up({run.group.rpartition("/")[2]: run for run in runs}, "agent", agent)
    drawn = save_figures(runs, acting, images or folder, folder.resolve().name, agent, clock, paper)
    page = save_readme(runs, acting, folder, drawn, agent, clock)
    for path in (*(path for each in drawn.values() for path in each if path is not None), page):
        print(path)
    return FINISHED


def foreign(
    tasks: tuple[str, ...] = (),
    agents: tuple[str, ...] = (),
    folder: Path = Path("runs/foreign"),
    seeds: int = 5,
    first_seed: int = 0,
    total_timesteps: int | None = None,
    evaluation_episodes: int = FOREIGN_EPISODES,
    jobs: int | None = None,
) -> int:
    """Run agents with their defaults on tasks of other people; the same command continues.

    Args:
        tasks: Names in agents/benchmark/foreign/tasks.py; default: all that are installed.
        agents: Names in agents/benchmark/foreign/contestants.py; default: all.
        folder: Directory of the runs; those that are finished are not run again.
        seeds: Number of seeds per task and agent.
        first_seed: The lowest seed.
        total_timesteps: Frames of training at most; default: those of each task.
        evaluation_episodes: Episodes of each evaluation at the end of a run.
        jobs: Runs at the same time, one thread each; default: number of cores.
    """
    _require_at_least_one(seeds=seeds, jobs=jobs)
    console = plain_console()
    chosen, left_out = foreign_grid.choose_tasks(tasks)
    who = foreign_grid.choose_contestants(agents)
    given = ["--evaluation-episodes", str(evaluation_episodes), "--num-threads", "1", "--device", "cpu"]
    numbers = range(first_seed, first_seed + seeds)
    cells = foreign_grid.make_cells(chosen, who, numbers, folder, total_timesteps, given)
    frames = sum(cell.total_timesteps for cell in cells)
    for line in (
        *left_out,
        f"{len(chosen)} tasks x {len(who)} agents x {seeds} seeds: {frames / 1e6:.1f} M frames, about "
        f"{foreign_grid.estimated_hours(cells):.2g} hours of one core",
    ):
        console.print(line, soft_wrap=True, highlight=False)
    return _run_alone(cells, folder, jobs, 1, console)


def foreign_collect(folder: tyro.conf.Positional[Path], out: Path, add: bool = False) -> int:
    """Gather what the page of other people's tasks needs of finished runs, into one file.

    Args:
        folder: Of the runs.
        out: File to write, such as docs/foreign.json.
        add: Keep the runs that the file holds already; none of them may be in the folder.
    """
    console = plain_console()
    records, left_out = foreign_records.collect(folder)
    if add:
        records = foreign_records.together(foreign_records.read_records(out), records)
    for each in left_out:
        console.print(f"Left out, not finished: {each}", soft_wrap=True, highlight=False)
    foreign_records.write_records(records, out)
    console.print(f"{len(records.runs)} runs in {out}", soft_wrap=True, highlight=False)
    return FINISHED


def foreign_page(records: tyro.conf.Positional[Path]) -> int:
    """Write the page of other people's tasks beside its raw data.

    Args:
        records: File that `foreign-collect` wrote; the page has its name, with the ending .md.
    """
    page = records.with_suffix(".md")
    save_page(foreign_records.read_records(records), page)
    print(page)
    return FINISHED


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 1 a run failed, 2 refused, 130 interrupted.
    """
    return exit_status(
        lambda: tyro.extras.subcommand_cli_from_dict(
            {
                "run": run,
                "collect": collect,
                "figures": figures,
                "foreign": foreign,
                "foreign-collect": foreign_collect,
                "foreign-page": foreign_page,
            },
            prog="python -m agents.benchmark",
            description=__doc__,
            args=arguments,
        )
    )


def _require_at_least_one(**options: int | None) -> None:
    for name, value in options.items():
        if value is not None and value < 1:
            raise ValueError(f"--{name.replace('_', '-')} must be at least 1, got {value}")


def _run_alone(cells: Sequence[Cell], folder: Path, jobs: int | None, threads: int, console: Console) -> int:
    """Check every cell, then run them as the only benchmark in a folder."""
    for cell in cells:
        cell.check()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", blocking=False):
            return _run(cells, jobs or max(1, available_cores() // threads), threads, console)
    except Timeout:
        raise BlockingIOError(f"another benchmark runs in {folder}: wait, or give another --folder") from None


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
