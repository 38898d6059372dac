"""What the page plays: episodes of one run of each experiment, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import gymnasium

from agents.report.artwork import sheet_data
from agents.report.episode_data import episode_data
from agents.report.episodes import find_examples
from agents.results.looks import titles
from agents.results.runs import Group, Run
from agents.runs.trained import load_model
from agents.vec_env.make import UntrustedModule, id_from_file, is_native, make_single
from memory_envs.commands import in_words

EPISODES, FEW_GROUPS = 4, 3
_CANNOT_BE_PLAYED = (ValueError, TypeError, OSError, RuntimeError, gymnasium.error.Error)


def players_data(
    tasks: Mapping[str, Sequence[Group]],
    episodes: int | None = None,
    seed: int = 0,
    say: Callable[[str], object] = lambda line: None,
    trust_env_module: bool = False,
) -> dict[str, Any]:
    """Return a player for each experiment, and for each task the sprites that its episodes share.

    Args:
        tasks: The experiments of each.
        episodes: To play of each experiment; 0 plays none. When None, EPISODES, or 1 of each of many.
        seed: Of these episodes and of the actions in them.
        say: Told why a model cannot be played; a page does not repeat what names the machine's files.
        trust_env_module: Whether the module of a "module:id" that a run names may be imported.
    """
    players, sheets = [], []
    for number, (task, groups) in enumerate(tasks.items()):
        count = (EPISODES if len(groups) <= FEW_GROUPS else 1) if episodes is None else episodes
        named = titles(groups)
        found = [
            {"group": named[group.name], **_player_data(group, count, seed, say, trust_env_module)}
            for group in groups
        ]
        players += [{"task": task, "sheet": number, **each} for each in found]
        played = [group.finished for group, each in zip(groups, found, strict=True) if "episodes" in each]
        sheets.append(_sheet(played[0]) if played and played[0] else None)
    return {"players": players, "sheets": sheets}


def _sheet(run: Run) -> dict[str, Any]:
    """The sprites of a task, which all its episodes share."""
    with closing(make_single(run.env_id, run.env_kwargs)) as env:
        env.reset()
        return sheet_data(env.unwrapped.scene().looks)  # type: ignore[attr-defined]


def _player_data(
    group: Group, episodes: int, seed: int, say: Callable[[str], object], trust_env_module: bool
) -> dict[str, Any]:
    """Episodes of the first run of a group that has a model, or the reason why there are none."""
    run = group.finished
    reason = _why_none(run, episodes, trust_env_module)
    if run is None or reason is not None:
        return {"reason": reason}
    model: Any
    try:
        model = load_model(run.directory.model)
        examples = find_examples(model, run.env_id, run.env_kwargs, episodes, seed)
    except _CANNOT_BE_PLAYED as problem:  # of another version, or damaged; all the rest can be shown
        say(f"No episodes of {run.directory.path}: {in_words(problem)}")
        reason = f"its {run.directory.model.name} cannot be loaded or played with this version"
        return {"reason": reason}
    return {
        "seed": run.seed,
        "frames": model.num_timesteps,
        "evaluated": _evaluated(run),
        "played": examples.played,
        "succeeded": examples.succeeded,
        "episodes": [episode_data(episode) for episode in examples.shown],
    }


def _evaluated(run: Run) -> dict[str, Any] | None:
    """How often the model succeeded when it was evaluated, over far more episodes than are shown."""
    found = run.evaluation.get("sampled", {})
    success = found.get("success")
    return success and {"episodes": found["episodes"], "success": success["mean"]}


def _why_none(run: Run | None, episodes: int, trust_env_module: bool) -> str | None:
    if episodes == 0:
        return "no episodes were asked for"
    if run is None:
        return "there is no final model to play them: no run has finished, or only their numbers are here"
    if not is_native(run.env_id.rpartition(":")[2]):
        return f"{run.env_id} is none of this package's environments, so it cannot be drawn"
    try:
        id_from_file(run.env_id, run.directory.config.name, trust_env_module)
    except UntrustedModule as problem:
        return str(problem)
    return None
