"""The page of the bench, from its raw data and the tables in code alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from agents.benchmark.foreign.contestants import CHANCE, CONTESTANTS, NUM_ENVS, RIVAL, SUBJECT, Contestant
from agents.benchmark.foreign.records import Record, Records, of
from agents.benchmark.foreign.tasks import TASKS, Task
from agents.figures.table import NONE, Row, Table
from agents.results.statistics import FEWEST_SEEDS, Estimate, aggregate
from agents.results.tables import shown
from memory_envs.files import replacing

Verdict = Literal["ahead", "level", "behind"]
How = Literal["sampled", "greedy"]

_TITLES: dict[How, str] = {"sampled": "Actions sampled, as in training", "greedy": "Greedy actions"}

_ORIGIN = "<!-- Written by `python -m agents.benchmark foreign-page`: change what it reads, not this. -->"
_INTRODUCTION = """# Other people's tasks

Tasks that this project did not make, and Actor-Learner Distillation on them **with its defaults**: one
setting for all of them, none chosen for any. Beside it stand the agents that a user of Stable-Baselines3
has already, with their defaults, the same number of lanes ({lanes}) and the same number of frames. Some of
the tasks need no memory at all; what matters there is that nothing is lost."""
_READING = """Numbers are returns of the final models over {episodes} episodes that no training has seen: the
interquartile mean over seeds with its 95 % bootstrap interval, which needs {fewest} seeds, as in [the
benchmark](benchmark.md). Chance is the mean of an agent that acts at random, the maximum what perfect play
earns where that is known. The last column compares ALD with RecurrentPPO by one rule: *ahead* or *behind*
if their two intervals do not overlap, *level* if they do, which may mean no more than that there were too
few seeds to tell."""
_EQUAL = """Frames cost the agents unequal time. Here those of a task stand at the same CPU time, the shortest
that any run of it took: the mean return of the latest (up to 200) training episodes at that moment, actions
sampled, read off the learning curves. How quiet the machine was shows in runs of one agent on one task: their
CPU times lie up to a factor of {spread:.1f} apart ({where}), so that smaller differences say nothing."""
_HOW = """## Running it

```
python -m agents.benchmark foreign --folder runs/foreign
python -m agents.benchmark foreign-collect runs/foreign --out docs/foreign.json
python -m agents.benchmark foreign-page docs/foreign.json
```

The first command says how many runs and hours of one core lie before it, and goes on where it was
interrupted; `--tasks`, `--agents`, `--seeds`, `--first-seed`, `--jobs` and `--total-timesteps` choose less.
LunarLander and MiniGrid's tasks need `pip install "memory-envs[foreign]"` and are left out without it. The
second gathers finished runs (with `--add` beside those that the file holds), the third writes this page.

The tasks are Gymnasium environments,
`gymnasium.make("agents.benchmark.foreign:Foreign/RepeatPreviousEasy-v0")`, in `agents/benchmark/foreign/`.
The rules of POPGym, bsuite and Bakker's T-maze are written anew there, and what differs from the original
is said in each docstring. Where popgym is installed, a test plays its games beside ours, card by card."""


def save_page(records: Records, path: Path) -> None:
    """Write the page."""
    with replacing(path) as file:
        file.write_bytes(page(records).encode())


def page(records: Records) -> str:
    """Return the page as Markdown."""
    runs = records.runs
    parts = [_ORIGIN, _INTRODUCTION.format(lanes=NUM_ENVS), "## Returns", _READING.format(**_numbers(runs))]
    for how, title in _TITLES.items():
        parts += [f"### {title}", returns_table(runs, how).markdown(), _summary(runs, how)]
    if remarks := _remarks(runs):
        parts += ["### Why", remarks]
    parts += ["## At equal CPU time", _EQUAL.format(**_quietness(runs)), equal_time_table(runs).markdown()]
    parts += ["CPU minutes of a whole run, the median over seeds:", minutes_table(runs).markdown()]
    parts += ["## The tasks", _tasks(runs), "## The agents", _agents(), _HOW]
    return "\n\n".join([*parts, *records.made_with]) + "\n"


def returns_table(runs: Sequence[Record], how: How) -> Table:
    """Return what the final models of each agent earn on each task, and the verdict.

    Args:
        runs: All.
        how: Actions are chosen.
    """
    rows = []
    for task in _played(runs):
        best = NONE if task.maximum is None else f"{task.maximum:g}"
        chance, earned = _earned(runs, task, CHANCE, how), _estimates(runs, task, how)
        cells = [_plain(chance), best, *(shown(each) for each in earned.values())]
        rows.append(Row(task.name, [*cells, verdict(earned[SUBJECT], earned[RIVAL]) or NONE]))
    head = ["task", "chance", "maximum", *(row.title for row in _learners()), "ALD against RecurrentPPO"]
    return Table(head, rows)


def equal_time_table(runs: Sequence[Record]) -> Table:
    """Return what each agent earned while training when the shortest run of a task was over."""
    rows = []
    for task in _played(runs):
        minutes = equal_minutes(runs, task)
        cells = [shown(_aggregated(_at(runs, task, row.name, minutes))) for row in _learners()]
        rows.append(Row(task.name, [NONE if minutes is None else f"{minutes:.2f}", *cells]))
    return Table(["task", "CPU minutes", *(row.title for row in _learners())], rows)


def minutes_table(runs: Sequence[Record]) -> Table:
    """Return the CPU minutes that training took."""
    rows = []
    for task in _played(runs):
        found = ([run.cpu_seconds / 60 for run in of(runs, task.name, row.name)] for row in _learners())
        cells = [f"{np.median(each):.1f}" if each else NONE for each in found]
        rows.append(Row(task.name, [f"{_frames(runs, task):,}", *cells]))
    return Table(["task", "frames", *(row.title for row in _learners())], rows)


def verdict(ours: Estimate | None, theirs: Estimate | None) -> Verdict | None:
    """Return how we compare, by whether the intervals overlap; None where a side has none."""
    ends = [end for each in (ours, theirs) for end in ((each.low, each.high) if each else (None, None))]
    if None in ends:
        return None
    our_low, our_high, their_low, their_high = ends
    assert our_low is not None and our_high is not None and their_low is not None and their_high is not None
    return "ahead" if our_low > their_high else "behind" if our_high < their_low else "level"


def equal_minutes(runs: Sequence[Record], task: Task) -> float | None:
    """Return how long the shortest run of any learning agent on a task took; None without any."""
    seconds = [run.cpu_seconds for row in _learners() for run in of(runs, task.name, row.name)]
    return min(seconds) / 60 if seconds else None


def _at(runs: Sequence[Record], task: Task, agent: str, minutes: float | None) -> list[float]:
    """The training return of every run at a moment; none if a curve has only later or earlier points."""
    curves = [run.curve for run in of(runs, task.name, agent)]
    if minutes is None or any(not _covers(curve.cpu_seconds, 60 * minutes) for curve in curves):
        return []
    return [float(np.interp(60 * minutes, curve.cpu_seconds, curve.returns)) for curve in curves]


def _covers(seconds: Sequence[float], moment: float) -> bool:
    """Rows are rounded to a tenth of a second."""
    return bool(seconds) and seconds[0] <= moment <= seconds[-1] + 0.1


def _learners() -> list[Contestant]:
    return [row for row in CONTESTANTS.values() if row.name != CHANCE]


def _played(runs: Sequence[Record]) -> Iterator[Task]:
    names = {run.task for run in runs}
    return (task for task in TASKS.values() if task.name in names)


def _estimates(runs: Sequence[Record], task: Task, how: How) -> dict[str, Estimate | None]:
    return {row.name: _earned(runs, task, row.name, how) for row in _learners()}


def _earned(runs: Sequence[Record], task: Task, agent: str, how: How) -> Estimate | None:
    return _aggregated([getattr(run, how) for run in of(runs, task.name, agent)])


def _aggregated(values: Sequence[float]) -> Estimate | None:
    return aggregate([values]) if values else None


def _plain(estimate: Estimate | None) -> str:
    return NONE if estimate is None else shown(Estimate(estimate.mean, None, None))


def _frames(runs: Sequence[Record], task: Task) -> int:
    """That learning agents had: those asked for, rounded up to whole unrolls of the agent with the most."""
    return max((run.frames for run in runs if run.task == task.name and run.agent != CHANCE), default=0)


def _state(runs: Sequence[Record], task: Task) -> str:
    counts = sorted({len(of(runs, task.name, row.name)) for row in _learners()})
    if counts == [0]:
        return "not run" + (", needs the extra `foreign`" if task.library else "")
    ends = " to ".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    seeds = f"{ends} seed{'' if counts[-1] == 1 else 's'}"
    frames = _frames(runs, task)
    return seeds + (f" of only {frames:,} frames" if frames < task.frames else "")


def _summary(runs: Sequence[Record], how: How) -> str:
    """The verdicts counted, and each by the names of its tasks."""
    verdicts = {task.name: _verdict(runs, task, how) for task in _played(runs)}
    told = {
        kind: [name for name, found in verdicts.items() if found == kind]
        for kind in ("ahead", "level", "behind")
    }
    known = sum(map(len, told.values()))
    if not known:
        return f"No verdict: no task has {FEWEST_SEEDS} seeds of both ALD and RecurrentPPO."
    parts = [
        f"{kind} on {len(names)}" + (f" ({', '.join(names)})" if names else "")
        for kind, names in told.items()
    ]
    return f"Of {known} tasks, ALD is {', '.join(parts)}."


def _verdict(runs: Sequence[Record], task: Task, how: How) -> Verdict | None:
    return verdict(*(_earned(runs, task, agent, how) for agent in (SUBJECT, RIVAL)))


def _remarks(runs: Sequence[Record]) -> str:
    return "\n".join(f"- **{task.name}**: {task.remark}." for task in _played(runs) if task.remark)


def _tasks(runs: Sequence[Record]) -> str:
    """Where the tasks come from and why they are here, those included that were not run."""
    return "\n".join(
        f"- **{task.name}** ({task.source}; {_state(runs, task)}): {task.reason}. {task.frames:,} frames: "
        f"{task.length}."
        for task in TASKS.values()
    )


def _agents() -> str:
    return "\n".join(f"- **{row.title}**: {row.settings}." for row in CONTESTANTS.values())


def _quietness(runs: Sequence[Record]) -> dict[str, object]:
    """Where the CPU times of runs that do the same lie furthest apart; of agents that learn."""
    pairs = [(task, agent.name) for task in TASKS for agent in _learners()]
    times = {pair: [run.cpu_seconds for run in of(runs, *pair)] for pair in pairs}
    spreads = {pair: max(each) / min(each) for pair, each in times.items() if each}
    (task, agent), spread = max(spreads.items(), key=lambda each: each[1])
    return {"spread": spread, "where": f"{CONTESTANTS[agent].title}, {task}"}


def _numbers(runs: Sequence[Record]) -> dict[str, object]:
    episodes = sorted({run.episodes for run in runs})
    return {"episodes": " to ".join(f"{each}" for each in episodes), "fewest": FEWEST_SEEDS}
