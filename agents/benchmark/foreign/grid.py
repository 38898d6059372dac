"""The cells of the bench: every contestant on every task, with every seed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.benchmark.foreign.contestants import CONTESTANTS, NUM_ENVS, Contestant, get_contestant
from agents.benchmark.foreign.tasks import TASKS, Task, get_task
from agents.benchmark.grid import Cell, cells_of
from memory_envs.registry.presets import Preset

# Of one run beside its training, on average: starting Python, the evaluation, the curve as a picture.
SECONDS_AROUND = 6.0


def choose_tasks(names: Sequence[str]) -> tuple[list[Task], list[str]]:
    """Return the tasks of these names, or all that are installed if there are none.

    Returns:
        The tasks, and a sentence for each that is left out.

    Raises:
        ValueError: There is no such task, or one is named twice.
        ImportError: One that was asked for by name is not installed; names the extra.
    """
    if not names:
        every = TASKS.values()
        return [task for task in every if task.is_installed], [
            f"Left out: {task.missing}" for task in every if not task.is_installed
        ]
    tasks = [get_task(name) for name in _once("tasks", names)]
    for task in tasks:
        if not task.is_installed:
            raise ImportError(task.missing)
    return tasks, []


def choose_contestants(names: Sequence[str]) -> list[Contestant]:
    """Return the contestants of these names, or all if there are none.

    Raises:
        ValueError: There is no such contestant, or one is named twice.
    """
    return [get_contestant(name) for name in _once("agents", names)] or list(CONTESTANTS.values())


def make_cells(
    tasks: Sequence[Task],
    contestants: Sequence[Contestant],
    seeds: Sequence[int],
    folder: Path,
    total_timesteps: int | None = None,
    options: Sequence[str] = (),
) -> list[Cell]:
    """Return the cells, seed by seed, so that every task is seen early.

    Args:
        tasks: Which.
        contestants: Who.
        seeds: Of each.
        folder: Of the bench.
        total_timesteps: Frames of training at most; those of each task when None.
        options: Of the training program, for every cell alike.
    """
    presets = [_preset(task, contestant, total_timesteps) for task in tasks for contestant in contestants]
    return cells_of(presets, seeds, folder, options=options)


def estimated_hours(cells: Sequence[Cell]) -> float:
    """Return how many hours of one core the cells take, about."""
    return sum(map(_seconds, cells)) / 3600


def _preset(task: Task, contestant: Contestant, most: int | None) -> Preset:
    frames = contestant.frames or task.frames
    return Preset(
        name=f"foreign/{task.name}/{contestant.name}",
        agent=contestant.agent,
        env=task.env,
        total_timesteps=frames if most is None else min(frames, most),
        num_envs=NUM_ENVS,
        source=f"{task.source}: {task.reason}",
        policy=contestant.policy,
        env_kwargs=contestant.env_kwargs,
        overrides=contestant.overrides,
    )


def _seconds(cell: Cell) -> float:
    _, task, contestant = cell.preset.name.split("/")
    return SECONDS_AROUND + cell.total_timesteps * TASKS[task].cost / CONTESTANTS[contestant].speed


def _once(kind: str, names: Sequence[str]) -> Sequence[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"--{kind} must name each once, got {', '.join(twice)} more than once")
    return names
