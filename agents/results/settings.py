"""What runs were run with, side by side: settings, machine and versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from agents.figures.table import NONE, Row, Table
from agents.results.runs import Group, Run

# More runs than these share a column with the others of their group.
MOST_COLUMNS = 8
# More values than these are told by the first and the last.
MOST_VALUES = 5
# The row of a setting that columns differ in.
DIFFERS = "differs"


def settings_table(groups: Sequence[Group]) -> Table:
    """Return every setting, its values in each run or group, and whether those that have it differ."""
    return _table(groups, _settings)


def sessions_table(groups: Sequence[Group]) -> Table:
    """Return the same of machine and versions."""
    return _table(groups, _session)


def _table(groups: Sequence[Group], describe: Callable[[Run], Mapping[str, Any]]) -> Table:
    columns = _columns(groups)
    described = [[describe(run) for run in runs] for runs in columns.values()]
    names = dict.fromkeys(name for column in described for run in column for name in run)
    rows = {name: [_shown(column, name) for column in described] for name in names}
    return Table(
        ["setting", *columns],
        [Row(name, row, DIFFERS if len({*row} - {NONE}) > 1 else "") for name, row in rows.items()],
    )


def _columns(groups: Sequence[Group]) -> dict[str, Sequence[Run]]:
    """A column per run by what to call it, or one per group where there are many runs."""
    if sum(len(group.runs) for group in groups) <= MOST_COLUMNS:
        return {f"{group.name}, seed {run.seed}": [run] for group in groups for run in group.runs}
    return {f"{group.name}, seeds: {len(group.runs)}": group.runs for group in groups}


def _shown(runs: Sequence[Mapping[str, Any]], name: str) -> str:
    """The values of a column, each once."""
    values = ("none" if run[name] is None else str(run[name]) for run in runs if name in run)
    shown = list(dict.fromkeys(values))
    if not shown:
        return NONE
    return ", ".join(shown) if len(shown) <= MOST_VALUES else f"{shown[0]} … {shown[-1]}"


def _settings(run: Run) -> dict[str, Any]:
    return {"agent": run.agent, **run.settings, **run.config}


def _session(run: Run) -> dict[str, Any]:
    rest = {name: value for name, value in run.session.items() if name != "libraries"}
    return rest | dict(run.session.get("libraries", {}))
