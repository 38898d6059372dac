"""From run directories to raw data: what figures and tables need, and no more."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import NamedTuple

from agents.benchmark.pool import mean_beside
from agents.results.acting import StepTimes, measure_acting, read_acting, write_acting
from agents.results.records import read_records, write_records
from agents.results.runs import Run, by_task, find_runs, grouped
from agents.runs.log import FRAMES


class Collected(NamedTuple):
    """What `collect` found.

    Attributes:
        runs: Written.
        left_out: Folders of runs that have not finished.
    """

    runs: tuple[Run, ...]
    left_out: tuple[Path, ...]


def collect(folder: Path, out: Path, acting: bool = True, add: bool = False) -> Collected:
    """Write the raw data of all finished runs below a folder.

    Args:
        folder: Of run directories.
        out: Of the raw data.
        acting: Whether to time the policies as well; the times are written into both folders, as the report
            of the first shows them too.
        add: Whether to keep the runs and times that `out` holds already.

    Raises:
        FileNotFoundError: There is no finished run, or nothing to add to.
        ValueError: A run cannot be read, or there are two of the same experiment and seed.
    """
    found = find_runs(folder)
    finished = [run for run in found if has_finished(run)]
    if not finished:
        raise FileNotFoundError(
            f"none of the {len(found)} runs in {folder} has come to its total and been evaluated"
        )
    times = _measure_by_task(finished) if acting else {}
    kept = read_records(out) if add else ()
    runs = (*kept, *(_slim(run) for group in grouped(finished) for run in group.runs))
    write_records(runs, out)
    if acting:
        write_acting(folder, times)
        write_acting(out, {**(read_acting(out) if add else {}), **times})
    return Collected(runs, tuple(run.directory.path for run in found if not has_finished(run)))


def has_finished(run: Run) -> bool:
    """Return whether its evaluation is that of its end: one that trains on still has that of its first."""
    ends_early = run.settings.get("stop_at_success") is not None
    frames = int(run.rows[-1][FRAMES]) if run.rows else 0
    return bool(run.evaluation) and (ends_early or frames >= run.settings.get("total_timesteps", 0))


def _measure_by_task(runs: list[Run]) -> StepTimes:
    """Policies are compared within a task, as observations differ between tasks."""
    times = (measure_acting(grouped(of_task)) for of_task in by_task(runs).values())
    return {name: of_policy for each in times for name, of_policy in each.items()}


def _slim(run: Run) -> Run:
    """With how many other runs there were beside it."""
    session = {**run.session, "beside": mean_beside(run.directory)}
    return dataclasses.replace(run, session=session)
