"""The raw data of the bench in one file: of each run what the page is made of, and its learning curve."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.benchmark.collect import has_finished
from agents.benchmark.foreign.contestants import CONTESTANTS
from agents.benchmark.foreign.tasks import MODULE, TASKS
from agents.benchmark.readme import made_with
from agents.results.curves import spread_out
from agents.results.runs import Run, find_runs
from agents.runs.curve import METRICS
from agents.runs.log import CPU_SECONDS, FRAMES, column
from memory_envs.files import write_json
from memory_envs.registry.json_text import build, read_file

# Of a curve in the file.
MOST_POINTS = 30


@dataclass(frozen=True)
class Curve:
    """The returns of the latest (up to 200) training episodes as training went on; three lists of one length.

    Attributes:
        frames: All lanes together.
        cpu_seconds: Of the processor, all threads together.
        returns: Means.
    """

    frames: list[int]
    cpu_seconds: list[float]
    returns: list[float]

    def __post_init__(self) -> None:
        """Refuse lists of different lengths."""
        lengths = [len(self.frames), len(self.cpu_seconds), len(self.returns)]
        if len(set(lengths)) > 1:
            raise ValueError(f"frames, cpu_seconds and returns must be equally long, got {lengths}")


@dataclass(frozen=True)
class Record:
    """One finished run.

    Attributes:
        task: A key of `TASKS`.
        agent: A key of `CONTESTANTS`.
        seed: Of the run.
        frames: That it was trained for.
        cpu_seconds: That training took.
        episodes: Of each evaluation.
        sampled: Mean return of the final model, actions sampled.
        greedy: The same with greedy actions.
        curve: While training.
    """

    task: str
    agent: str
    seed: int
    frames: int
    cpu_seconds: float
    episodes: int
    sampled: float
    greedy: float
    curve: Curve

    def __post_init__(self) -> None:
        """Refuse a task or an agent that there is not."""
        for name, table in (("task", TASKS), ("agent", CONTESTANTS)):
            if (value := getattr(self, name)) not in table:
                raise ValueError(f"{name} must be one of {', '.join(table)}, got {value!r}")


@dataclass(frozen=True)
class Records:
    """All finished runs of a bench.

    Attributes:
        made_with: Machine and versions, a sentence for each time that runs were collected.
        runs: By task, agent and seed.
    """

    made_with: list[str]
    runs: list[Record]

    def __post_init__(self) -> None:
        """Refuse two runs of one seed."""
        names = [(run.task, run.agent, run.seed) for run in self.runs]
        twice = sorted({"/".join(map(str, name)) for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"runs must differ in task, agent or seed, there are several {', '.join(twice)}")


def collect(folder: Path) -> tuple[Records, list[Path]]:
    """Return the records of all finished runs below a folder, and the folders of those that are not.

    Raises:
        FileNotFoundError: There is no finished run.
        ValueError: A run cannot be read, is none of the bench, or is there twice.
    """
    found = find_runs(folder)
    finished = [run for run in found if has_finished(run)]
    if not finished:
        raise FileNotFoundError(
            f"none of the {len(found)} runs in {folder} has come to its total and been evaluated"
        )
    runs = sorted((_record(run) for run in finished), key=_order)
    return Records([made_with(finished, "cpu")], runs), [
        run.directory.path for run in found if not has_finished(run)
    ]


def together(earlier: Records, later: Records) -> Records:
    """Return the runs of both.

    Raises:
        ValueError: A run is in both.
    """
    runs = sorted([*earlier.runs, *later.runs], key=_order)
    return Records([*earlier.made_with, *later.made_with], runs)


def write_records(records: Records, path: Path) -> None:
    """Write the file."""
    write_json(path, dataclasses.asdict(records))


def read_records(path: Path) -> Records:
    """Return what `write_records` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such file; names the place.
    """
    records: Records = build(Records, read_file(path), str(path))
    return records


def _order(record: Record) -> tuple[int, int, int]:
    return list(TASKS).index(record.task), list(CONTESTANTS).index(record.agent), record.seed


def _record(run: Run) -> Record:
    """A run as a record.

    Raises:
        ValueError: It is none of the bench's, or was not evaluated in both ways.
    """
    task, agent = _task(run), _agent(run)
    last = run.timed_by("cpu").rows[-1]
    return Record(
        task=task,
        agent=agent,
        seed=run.seed,
        frames=int(float(last[FRAMES])),
        cpu_seconds=round(float(last[CPU_SECONDS]), 1),
        episodes=int(run.evaluation["sampled"]["episodes"]),
        sampled=_mean_return(run, "sampled"),
        greedy=_mean_return(run, "deterministic"),
        curve=_curve(run),
    )


def _mean_return(run: Run, actions: str) -> float:
    """Of the final model; a run that was not evaluated in both ways is refused."""
    if actions not in run.evaluation:
        raise ValueError(f"{run.directory.evaluation} has no evaluation of {actions} actions")
    return _short(run.evaluation[actions]["mean_return"]["mean"])


def _curve(run: Run) -> Curve:
    columns = [column(run.rows, name) for name in (FRAMES, CPU_SECONDS, METRICS["return"])]
    known = [point for point in zip(*columns, strict=True) if all(map(math.isfinite, point))]
    kept = [known[place] for place in spread_out(len(known), MOST_POINTS)] if known else []
    return Curve(
        [int(frames) for frames, _, _ in kept],
        [round(seconds, 1) for _, seconds, _ in kept],
        [_short(value) for _, _, value in kept],
    )


def _task(run: Run) -> str:
    """The task of a run; none of the bench's is refused."""
    for task in TASKS.values():
        if run.env_id == task.env:
            return task.name
    raise ValueError(f"{run.directory.path} plays {run.env_id}, which is no task of {MODULE}")


def _agent(run: Run) -> str:
    for contestant in CONTESTANTS.values():
        if contestant.plays(run.agent, run.env_kwargs):
            return contestant.name
    raise ValueError(
        f"{run.directory.path} trained {run.agent} with {run.env_kwargs}, which is no contestant: "
        f"{', '.join(CONTESTANTS)}"
    )


def _short(value: float) -> float:
    """Six digits: more say nothing of a hundred episodes."""
    return float(f"{value:.6g}")


def of(records: Sequence[Record], task: str, agent: str) -> list[Record]:
    """Return the records of an agent on a task, by seed."""
    return [run for run in records if (run.task, run.agent) == (task, agent)]
