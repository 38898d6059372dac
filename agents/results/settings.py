"""What runs were run with, side by side: settings, machine and versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.results.runs import Group, Run

# More runs than these share a column with the others of their group.
MOST_COLUMNS = 8
# More values than these are told by the first and the last.
MOST_VALUES = 5
# Of a setting that other agents have.
ABSENT = "—"

# Where a run lies and how it was gone on with says nothing about what was run.
_NOT_COMPARED = ("run_dir", "resume")

# What stands in one column.
Column = Sequence[Run]


def columns_of(groups: Sequence[Group]) -> dict[str, Column]:
    """Return a column per run by what to call it, or one per group where there are many runs."""
    if sum(len(group.runs) for group in groups) <= MOST_COLUMNS:
        return {f"{group.name}, seed {run.seed}": [run] for group in groups for run in group.runs}
    return {f"{group.name}, seeds: {len(group.runs)}": group.runs for group in groups}


def settings_table(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return every setting: its name, its values in each column, and whether columns that have it differ."""
    return _table(columns, _settings)


def sessions_table(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the same of machine and versions."""
    return _table(columns, _session)


def _table(columns: Sequence[Column], describe: Callable[[Run], Mapping[str, Any]]) -> list[dict[str, Any]]:
    described = [[describe(run) for run in column] for column in columns]
    names = dict.fromkeys(name for column in described for run in column for name in run)
    rows = [{"name": name, "values": [_shown(column, name) for column in described]} for name in names]
    return [row | {"differs": len({*row["values"]} - {ABSENT}) > 1} for row in rows]


def _shown(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    """The values of a column, each once."""
    shown = list(
        dict.fromkeys("none" if run[name] is None else str(run[name]) for run in runs if name in run)
    )
    if not shown:
        return ABSENT
    return ", ".join(shown) if len(shown) <= MOST_VALUES else f"{shown[0]} … {shown[-1]}"


def _settings(run: Run) -> dict[str, Any]:
    settings = {name: value for name, value in run.settings.items() if name not in _NOT_COMPARED}
    return {"agent": run.agent, **settings, **run.config}


def _session(run: Run) -> dict[str, Any]:
    rest = {name: value for name, value in run.session.items() if name != "libraries"}
    return rest | dict(run.session.get("libraries", {}))
