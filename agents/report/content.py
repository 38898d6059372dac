"""What a report says, as plain values: all tasks of some runs, each with curves, numbers and episodes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from agents.algorithm import UnrollAlgorithm, find_algorithm
from agents.curves import published_points
from agents.make_env import is_native, resolve_id
from agents.report.artwork import sheet_data
from agents.report.episodes import find_examples
from agents.report.learning import curves, published_curves
from agents.report.milestones import LEVELS, milestone_rows, settings_table
from agents.report.recording import episode_data
from agents.report.runs import Group, Run, by_task, grouped


def content(runs: Sequence[Run], episodes: int, seed: int = 0) -> dict[str, Any]:
    """Return the report of some runs as plain values; plays episodes on the way.

    Args:
        runs: At least one.
        episodes: To show of each group; 0 shows none.
        seed: Of these episodes and of the actions in them.
    """
    return {
        "written": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "levels": list(LEVELS),
        "tasks": [_task_data(name, of_task, episodes, seed) for name, of_task in by_task(runs).items()],
    }


def _task_data(name: str, runs: Sequence[Run], episodes: int, seed: int) -> dict[str, Any]:
    groups = grouped(runs)
    published = published_points(runs[0].env_id, runs[0].env_kwargs)
    ordered = [run for group in groups for run in group.runs]
    return {
        "name": name,
        "groups": [group.name for group in groups],
        "curves": curves(groups),
        "published": published_curves(published),
        "milestones": milestone_rows(groups, published),
        "runs": [f"{run.group}, seed {run.seed}" for run in ordered],
        "settings": settings_table(ordered),
        "sessions": [dict(run.session) for run in ordered],
        "players": [_player_data(group, episodes, seed) for group in groups],
    }


def _player_data(group: Group, episodes: int, seed: int) -> dict[str, Any]:
    """Episodes of the first run of a group that has a model, or the reason why there are none."""
    run = group.finished
    reason = _why_none(run, episodes)
    if run is None or reason is not None:
        return {"group": group.name, "reason": reason}
    model: Any = find_algorithm(run.agent).load(run.directory.model, device="cpu")
    examples = find_examples(model, run.env_id, run.env_kwargs, episodes, seed)
    return {
        "group": group.name,
        "seed": run.seed,
        "frames": model.num_timesteps,
        "played": examples.played,
        "succeeded": examples.succeeded,
        "sheet": sheet_data(examples.shown[0].scenes[0].looks),
        "episodes": [episode_data(episode) for episode in examples.shown],
    }


def _why_none(run: Run | None, episodes: int) -> str | None:
    if episodes == 0:
        return "no episodes were asked for"
    if run is None:
        return "no run has finished, so there is no final model to play them"
    if not is_native(resolve_id(run.env_id)):
        return f"{run.env_id} is none of this package's environments, so it cannot be drawn"
    if not issubclass(find_algorithm(run.agent), UnrollAlgorithm):
        return f"the networks of {run.agent!r} cannot be watched step by step"
    return None
