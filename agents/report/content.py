"""What a report says, as plain values: all tasks of some runs, each with curves, numbers and episodes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

from agents.report.artwork import sheet_data
from agents.report.episode_data import episode_data
from agents.report.episodes import find_examples
from agents.results.acting import Costs
from agents.results.comparison import compare, find_subject
from agents.results.learning import curves, published_curves
from agents.results.milestones import LEVELS, milestone_rows
from agents.results.runs import Group, Run, by_task, grouped
from agents.results.scores import measure_of
from agents.results.settings import columns_of, sessions_table, settings_table
from agents.runs.curve import published_points
from agents.sb3.algorithm import find_algorithm
from agents.vec_env.make import is_native, make_single, resolve_id

EPISODES, FEW_GROUPS = 4, 3


def content(
    runs: Sequence[Run], episodes: int | None = None, seed: int = 0, costs: Costs | None = None
) -> dict[str, Any]:
    """Return the report of some runs as plain values; plays episodes on the way.

    Args:
        runs: At least one.
        episodes: To show of each group; 0 shows none. When None, EPISODES, or 1 of each of many groups.
        seed: Of these episodes and of the actions in them.
        costs: Of acting; none were measured when None.
    """
    return {
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "levels": list(LEVELS),
        "tasks": [
            _task_data(name, of_task, episodes, seed, costs or {}) for name, of_task in by_task(runs).items()
        ],
    }


def _task_data(
    name: str, runs: Sequence[Run], episodes: int | None, seed: int, costs: Costs
) -> dict[str, Any]:
    groups = grouped(runs)
    if episodes is None:
        episodes = EPISODES if len(groups) <= FEW_GROUPS else 1
    published = published_points(runs[0].env_id, runs[0].env_kwargs)
    columns = columns_of(groups)
    players = [_player_data(group, episodes, seed) for group in groups]
    return {
        "name": name,
        "groups": [group.name for group in groups],
        "curves": curves(groups),
        "published": published_curves(published),
        "milestones": milestone_rows(groups, published),
        "measure": "success" if measure_of(runs[0]) == "success" else "normalised return",
        "comparison": [each.to_dict() for each in compare(groups, costs)],
        "subject": subject.name if (subject := find_subject(groups)) else None,
        "runs": len(runs),
        "columns": list(columns),
        "settings": settings_table(list(columns.values())),
        "sessions": sessions_table(list(columns.values())),
        "players": players,
        "sheet": _sheet(runs[0]) if any("episodes" in player for player in players) else None,
    }


def _sheet(run: Run) -> dict[str, Any]:
    """The sprites of a task, which all its episodes share."""
    with closing(make_single(run.env_id, run.env_kwargs)) as env:
        env.reset()
        return sheet_data(env.unwrapped.scene().looks)  # type: ignore[attr-defined]


def _player_data(group: Group, episodes: int, seed: int) -> dict[str, Any]:
    """Episodes of the first run of a group that has a model, or the reason why there are none."""
    run = group.finished
    reason = _why_none(run, episodes)
    if run is None or reason is not None:
        return {"group": group.name, "reason": reason}
    model: Any
    try:
        model = find_algorithm(run.agent).load(run.directory.model, device="cpu")
    except ValueError as problem:  # of another version; all the rest can be shown nevertheless
        return {"group": group.name, "reason": str(problem)}
    examples = find_examples(model, run.env_id, run.env_kwargs, episodes, seed)
    return {
        "group": group.name,
        "seed": run.seed,
        "frames": model.num_timesteps,
        "played": examples.played,
        "succeeded": examples.succeeded,
        "episodes": [episode_data(episode) for episode in examples.shown],
    }


def _why_none(run: Run | None, episodes: int) -> str | None:
    if episodes == 0:
        return "no episodes were asked for"
    if run is None:
        return "there is no final model to play them: no run has finished, or only their numbers are here"
    if not is_native(resolve_id(run.env_id)):
        return f"{run.env_id} is none of this package's environments, so it cannot be drawn"
    return None
