"""The raw data of a benchmark, small enough for a repository: a table of runs, a learning curve of each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents.evaluation.episodes import checked_evaluation
from agents.results.curves import spread_out
from agents.results.milestones import LEVELS
from agents.results.runs import Run
from agents.results.scores import first_reach
from agents.results.shown import shown_config, shown_session, shown_settings
from agents.runs.configuration import check_agent, check_session, check_settings
from agents.runs.curve import METRICS
from agents.runs.directory import RunDirectory
from agents.runs.log import CPU_SECONDS, EPISODES, FRAMES, SECONDS, Row, column, read_rows
from memory_envs.files import replacing, write_json
from memory_envs.registry.json_text import MalformedJson, build, read_object

TABLE, CURVES = "runs.json", "curves"
COLUMNS = (FRAMES, SECONDS, CPU_SECONDS, EPISODES, *METRICS.values())
# Rows of a curve: some 45 kB at most.
MOST_ROWS = 900


def write_records(runs: Sequence[Run], folder: Path) -> None:
    """Write runs.json, an object per run by its name, and curves/NAME.csv.

    Raises:
        ValueError: Two runs are of the same experiment and seed.
    """
    names = [record_name(run) for run in runs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"runs must differ in experiment or seed, there are several {', '.join(twice)}")
    (folder / CURVES).mkdir(parents=True, exist_ok=True)
    for name, run in zip(names, runs, strict=True):
        with replacing(_curve(folder, name)) as file:
            file.write_bytes(_table(thinned(run)).encode())
    write_json(folder / TABLE, {name: _record(run) for name, run in zip(names, runs, strict=True)})


def read_records(folder: str | Path) -> tuple[Run, ...]:
    """Return the runs that `write_records` wrote.

    They have no models, only the settings that `write_records` was given, and the rows it kept.

    Raises:
        FileNotFoundError: The table or a curve is missing.
        ValueError: The table is none, a run lacks something, or a curve lacks a column.
    """
    table = Path(folder) / TABLE
    if not table.is_file():
        raise FileNotFoundError(f"{folder} has no {TABLE}: `python -m agents.benchmark collect` writes it")
    try:
        records = build(dict[str, dict[str, Any]], read_object(table.read_bytes()))
    except MalformedJson as problem:
        raise ValueError(f"{table} must hold an object per run: {problem}") from problem
    return tuple(_read(Path(folder), name, record) for name, record in records.items())


def record_name(run: Run) -> str:
    """Return what a run is called: its experiment and seed."""
    return f"{run.group.replace('/', '-')}-s{run.seed}"


def thinned(run: Run) -> list[Row]:
    """Return MOST_ROWS rows of a run's log, and those at which it first came to one of the LEVELS.

    What has no more, as what was thinned before, is left as it is.
    """
    if len(run.rows) <= MOST_ROWS + len(LEVELS):
        return list(run.rows)
    keep = set(spread_out(len(run.rows), MOST_ROWS))
    frames = [frame / 1e6 for frame in column(run.rows, FRAMES)]
    for level in LEVELS:
        place = first_reach(run, level, "frames")
        if place is not None:
            keep.add(frames.index(place))
    return [run.rows[place] for place in sorted(keep)]


def _record(run: Run) -> dict[str, Any]:
    last = run.rows[-1] if run.rows else {}
    return {
        "agent": run.agent,
        "settings": dict(run.settings),
        "config": dict(run.config),
        "session": dict(run.session),
        "evaluation": dict(run.evaluation),
        **{name: _number(last.get(place)) for name, place in _TOTALS.items()},
    }


# What is read in the table without opening a curve.
_TOTALS = {"frames": FRAMES, "seconds": SECONDS, "cpu_seconds": CPU_SECONDS}


def _read(folder: Path, name: str, record: dict[str, Any]) -> Run:
    settings, place = record.get("settings", {}), f"{folder / TABLE}: {name}"
    check_settings(settings, f"{place}: settings")
    missing = [part for part in ("agent", "settings") if part not in record]
    missing += [part for part in ("env", "seed") if part not in settings]
    if missing:
        raise ValueError(f"{place} has no {' and no '.join(missing)}")
    build(str, settings["env"], f"{place}: settings/env")
    check_agent(record["agent"], record.get("config", {}), place)
    check_session(record.get("session", {}), f"{place}: session")
    checked_evaluation(record.get("evaluation", {}), f"{place}: evaluation")
    path = _curve(folder, name)
    if not path.is_file():
        raise FileNotFoundError(f"{name} of {TABLE} has no curve {path}")
    rows = read_rows(path)
    absent = [each for each in (FRAMES, SECONDS) if rows and each not in rows[0]]
    if absent:
        raise ValueError(f"{path} has no column {' and no column '.join(absent)}")
    return Run(
        directory=RunDirectory(folder / name),
        settings=shown_settings(settings),
        agent=record["agent"],
        config=shown_config(record.get("config", {})),
        session=shown_session(record.get("session", {})),
        rows=rows,
        evaluation=record.get("evaluation", {}),
    )


def _table(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_shortened(row.get(name)) for name in COLUMNS] for row in rows)
    return text.getvalue()


def _shortened(text: str | None) -> str:
    """Seven digits: frames are exact, and a success over 200 episodes is."""
    number = _number(text)
    return "" if number is None else f"{number:.7g}" if number < 1e7 else f"{number:.0f}"


def _number(text: str | None) -> float | None:
    return float(text) if text else None


def _curve(folder: Path, name: str) -> Path:
    return folder / CURVES / f"{name}.csv"
