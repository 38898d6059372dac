"""Runs on disk, in the groups that a report compares."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agents.evaluation.episodes import checked_evaluation
from agents.results.shown import shown_config, shown_session, shown_settings
from agents.runs.configuration import env_settings
from agents.runs.directory import RunDirectory
from agents.runs.log import CPU_SECONDS, SECONDS, Row, sound_rows
from agents.runs.options import OF_THE_EXPERIMENT
from agents.runs.settings import RunSettings
from memory_envs.commands import in_words
from memory_envs.registry.envs import registered_id
from memory_envs.registry.json_text import build, read_file
from memory_envs.registry.specs import task_settings

Clock = Literal["wall", "cpu"]
Settings = tuple[tuple[str, str], ...]  # names, and values as JSON
# Raised by what a damaged or foreign file of a run holds.
_DAMAGES = (OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)


@dataclass(frozen=True)
class Run:
    """What a report reads of one run, as far as it may be shown.

    Attributes:
        directory: Its folder.
        settings: How it was run: preset, environment, lanes, frames, seed.
        agent: Name of the agent.
        config: Settings of the agent.
        session: What the latest session of the run was made with; empty if it was not written down.
        rows: Of progress.csv.
        evaluation: Of the final model, by how actions were chosen; empty while there is none.
    """

    directory: RunDirectory
    settings: Mapping[str, Any]
    agent: str
    config: Mapping[str, Any]
    session: Mapping[str, Any]
    rows: list[Row]
    evaluation: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Run:
        """Read a run directory.

        Raises:
            FileNotFoundError: It is none.
            ValueError: Its configuration cannot be read or is not that of a run.
        """
        directory = RunDirectory.open(path)
        config = directory.read_config()
        missing = [name for name in ("run", "agent", "config") if name not in config]
        if missing:
            raise ValueError(f"{directory.config} has no {' and no '.join(missing)}")
        for name in ("env", "seed"):
            build({"env": str, "seed": int}[name], config["run"].get(name), f"{directory.config}: run/{name}")
        return cls(
            directory=directory,
            settings=shown_settings(config["run"] | {"env": registered_id(config["run"]["env"])}),
            agent=config["agent"],
            config=shown_config(config["config"]),
            session=shown_session((config.get("sessions") or [{}])[-1]),
            rows=sound_rows(directory.progress),
            evaluation=_read_evaluation(directory.evaluation),
        )

    def timed_by(self, clock: Clock) -> Run:
        """Return the run with its minutes as the wall clock or its processor counted them.

        What a processor counts hardly depends on what else a machine does. It adds up the threads of a run,
        so that it is the time that a run with one thread takes on a machine of its own.

        Raises:
            ValueError: The processor's time was not logged.
        """
        if clock == "wall":
            return self
        if not all(row.get(CPU_SECONDS) for row in self.rows):
            raise ValueError(f"clock must be wall, as {self.directory.path} has not logged {CPU_SECONDS}")
        return dataclasses.replace(self, rows=[row | {SECONDS: row[CPU_SECONDS]} for row in self.rows])

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.settings["seed"])

    @property
    def env_id(self) -> str:
        """Id of its environment."""
        return str(self.settings["env"])

    @property
    def env_kwargs(self) -> dict[str, Any]:
        """Settings of its environment."""
        return env_settings(self.settings)

    @property
    def group(self) -> str:
        """What it is compared as: its preset, or its agent and environment if it had none."""
        return str(self.settings.get("preset") or f"{self.env_id.rpartition('/')[2]}/{self.agent}")


@dataclass(frozen=True)
class Group:
    """Runs of one kind, which differ by their seeds.

    Attributes:
        name: Of the preset.
        runs: By seed.
    """

    name: str
    runs: tuple[Run, ...]

    @property
    def finished(self) -> Run | None:
        """The first run that has a final model; None if there is none."""
        return next((run for run in self.runs if run.directory.model.is_file()), None)


def find_runs(path: str | Path, say: Callable[[str], object] | None = None) -> tuple[Run, ...]:
    """Read the run in a folder, or all runs below it.

    Args:
        path: The folder.
        say: Told of runs that cannot be read, which are left out if there is another. None: one is an error.

    Raises:
        FileNotFoundError: There is none.
        ValueError: One, or each, cannot be read; names it.
    """
    path = Path(path)
    folders = [path] if RunDirectory(path).config.is_file() else _run_folders(path)
    if not folders:
        raise FileNotFoundError(f"{path} is no run directory, and there is none below it")
    runs, damaged = [], []
    for folder in folders:
        try:
            runs.append(Run.read(folder))
        except _DAMAGES as problem:
            damaged.append(
                ValueError(f"{folder} cannot be read: {in_words(problem) or type(problem).__name__}")
            )
    if damaged and (say is None or not runs):
        raise damaged[0]
    for each in damaged:
        assert say is not None
        say(f"Left out, {each}")
    return tuple(runs)


def grouped(runs: Sequence[Run]) -> tuple[Group, ...]:
    """Sort runs into groups by name, numbers in names as numbers, and the runs of a group by seed.

    Runs of one name that have other settings than most of them are a group of their own, named by these.
    """
    names = sorted({run.group for run in runs}, key=_in_order)
    return tuple(
        group
        for name in names
        for group in _experiments(
            name, sorted((run for run in runs if run.group == name), key=lambda run: run.seed)
        )
    )


def distinct(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Tell runs from repetitions, which have the settings and seed of a longer or earlier one.

    Returns:
        The runs, and the repetitions.
    """
    repetitions = [run for group in grouped(runs) for run in _repetitions(group)]
    kept = tuple(run for run in runs if not any(run is each for each in repetitions))
    return kept, tuple(repetitions)


def by_task(runs: Sequence[Run]) -> dict[str, tuple[Run, ...]]:
    """Sort runs by the environment and its settings, in the order in which these appear.

    Returns:
        The runs by the name of their task: the environment's id without its namespace, and its settings.
    """
    names = dict.fromkeys(task_name(run) for run in runs)
    return {name: tuple(run for run in runs if task_name(run) == name) for name in names}


def task_name(run: Run) -> str:
    """Return what the environment of a run and its settings are called."""
    settings = ", ".join(f"{name}={value}" for name, value in sorted(task_settings(run.env_kwargs).items()))
    return run.env_id.rpartition("/")[2] + (f" ({settings})" if settings else "")


def _experiments(name: str, runs: Sequence[Run]) -> list[Group]:
    identities = [_identity(run) for run in runs]
    known = sorted(set.intersection(*map(set, identities)))  # runs of another version may lack some
    variants: dict[Settings, list[Run]] = {}
    for identity, run in zip(identities, runs, strict=True):
        settings = tuple((name, json.dumps(identity[name])) for name in known)
        variants.setdefault(settings, []).append(run)
    usual, *others = sorted(variants.items(), key=lambda each: -len(each[1]))
    named = [(f"{name} ({_differences(settings, usual[0])})", found) for settings, found in others]
    return [Group(each, tuple(found)) for each, found in ((name, usual[1]), *named)]


def _repetitions(group: Group) -> list[Run]:
    """All but the longest run of each seed, or the first of the longest."""
    best: dict[int, Run] = {}
    for run in group.runs:
        if run.seed not in best or len(run.rows) > len(best[run.seed].rows):
            best[run.seed] = run
    return [run for run in group.runs if run is not best[run.seed]]


def _identity(run: Run) -> dict[str, Any]:
    """What says which experiment a run is, apart from its seed."""
    settings = {name: run.settings.get(name, getattr(RunSettings, name)) for name in OF_THE_EXPERIMENT}
    return {**settings, **run.config}


def _differences(settings: Settings, usual: Settings) -> str:
    differing = [one for one, other in zip(settings, usual, strict=True) if one != other]
    return ", ".join(f"{name}={value}" for name, value in differing)


def _in_order(name: str) -> list[tuple[int, str]]:
    """To sort by: "steps-2" comes before "steps-16"."""
    parts = re.split(r"(\d+)", name)  # text and number by turns
    return [(int(part), "") if k % 2 else (0, part) for k, part in enumerate(parts)]


def _run_folders(path: Path) -> list[Path]:
    name = RunDirectory(path).config.name
    return sorted(file.parent for file in path.rglob(name))


def _read_evaluation(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return checked_evaluation(read_file(path), str(path))
