"""What the page plays: episodes of one run of each experiment, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gymnasium

from agents.report.about import about_agent
from agents.report.artwork import sheet_data
from agents.report.episode_data import episode_data
from agents.report.episodes import EpisodeStream, RecordedEpisode, find_examples
from agents.report.training import curve_data, value_at
from agents.results.curves import spread_out
from agents.results.looks import looks
from agents.results.runs import Group, Run
from agents.results.scores import measure_of
from agents.runs.snapshots import find_snapshots, restore_snapshot
from agents.runs.trained import load_model
from agents.vec_env.make import UntrustedModule, id_from_file, is_native, make_single, shown_privileged
from memory_envs.commands import in_words

# Snapshots that are played of a run; of more of them, so many that are spread evenly.
MOST_SNAPSHOTS = 16
_CANNOT_BE_PLAYED = (ValueError, TypeError, OSError, RuntimeError, gymnasium.error.Error)

Say = Callable[[str], object]


def players_data(
    tasks: Mapping[str, Sequence[Group]],
    episodes: int | None = None,
    seed: int = 0,
    say: Say = lambda line: None,
    trust_env_module: bool = False,
) -> dict[str, Any]:
    """Return a player for each experiment, and for each task the sprites that its episodes share.

    Args:
        tasks: The experiments of each.
        episodes: To play of each experiment; 0 plays none. When None, one of each kind of start.
        seed: Of these episodes and of the actions in them.
        say: Told why a model cannot be played; a page does not repeat what names the machine's files.
        trust_env_module: Whether the module of a "module:id" that a run names may be imported.
    """
    players, sheets = [], []
    for number, (task, groups) in enumerate(tasks.items()):
        shown, drawn = {each.group.name: each for each in looks(groups)}, None
        for group in groups:
            runs = runs_to_play(group)
            for run in runs:
                seed_too = f", seed {run.seed}" if len(runs) > 1 else ""
                found = _player_data(run, episodes, seed, say, trust_env_module)
                drawn = drawn or (run if "stops" in found else None)
                look = shown[group.name]
                named = {"group": look.title + seed_too, "colour": look.colour}
                players.append({"task": task, "sheet": number, **named, **found})
        sheets.append(_sheet(drawn) if drawn else None)
    return {"players": players, "sheets": sheets}


def runs_to_play(group: Group) -> list[Run]:
    """Return the first run of an experiment that has a model, or the best and the worst if these differ.

    They do where the intervals of their evaluations lie apart: some seeds learned, and others failed. Without
    any model it is the first run.
    """
    finished = [run for run in group.runs if run.directory.model.is_file()]
    scored = [(run, found) for run in finished if (found := _score(run)) is not None]
    if scored:
        best, worst = (choose(scored, key=lambda each: each[1]["mean"]) for choose in (max, min))
        if worst[1]["high"] < best[1]["low"]:
            return [best[0], worst[0]]
    return [*finished, *group.runs][:1]


def _sheet(run: Run) -> dict[str, Any]:
    """The sprites of a task, which all its episodes share."""
    with closing(make_single(run.env_id, run.env_kwargs)) as env:
        env.reset()
        return sheet_data(env.unwrapped.scene().looks)  # type: ignore[attr-defined]


def _player_data(
    run: Run, episodes: int | None, seed: int, say: Say, trust_env_module: bool
) -> dict[str, Any]:
    """Episodes of a run, or the reason why there are none."""
    told = {"about": about_agent(run), "evaluated": _evaluated(run)}
    reason = _why_none(run, episodes, trust_env_module)
    if reason is not None:
        return told | {"reason": reason}
    try:
        shown = shown_privileged(run.env_id, run.env_kwargs, run.config.get("learner_only", ()))
        with closing(EpisodeStream(run.env_id, shown, seed)) as stream:
            return told | _played(run, stream, episodes, say)
    except _CANNOT_BE_PLAYED as problem:  # of another version, or damaged; all the rest can be shown
        say(f"No episodes of {run.directory.path}: {in_words(problem)}")
        reason = f"its {run.directory.model.name} cannot be loaded or played with this version"
        return told | {"reason": reason}


def _played(run: Run, stream: EpisodeStream, episodes: int | None, say: Say) -> dict[str, Any]:
    """Stops along the training, the final model last, and at each of them the same episodes."""
    model: Any = load_model(run.directory.model)
    frames = model.num_timesteps
    examples = find_examples(model, stream, episodes)
    chosen = [*examples.shown, *([] if examples.failure is None else [examples.failure])]
    final = _stop(run, frames, [episode_data(each) for each in chosen])
    again = [each.number for each in examples.shown]
    before = [
        _stop(
            run, at, [episode_data(_light(stream.play(model, number, only_acting=True))) for number in again]
        )
        for at in _restored(model, run, say)
    ]
    return {
        "seed": run.seed,
        "kinds": examples.kinds,
        "added": examples.failure is not None,
        "stops": [*before, final],
        "curve": curve_data(run) if before else None,
    }


def _restored(model: Any, run: Run, say: Say) -> Iterator[int]:
    """Let the model act with each snapshot in turn; yields the frames that it was trained for then."""
    found = [(frames, path) for frames, path in find_snapshots(run.directory).items()]
    for place in spread_out(len(found), MOST_SNAPSHOTS) if found else ():
        frames, path = found[place]
        if frames >= model.num_timesteps:
            continue
        try:
            restore_snapshot(model, path)
        except _CANNOT_BE_PLAYED as problem:
            say(f"Left out, {in_words(problem)}")
            continue
        yield frames


def _light(episode: RecordedEpisode) -> RecordedEpisode:
    """Without what is large, and without values, whose units at that time a snapshot does not say."""
    traces = {
        role: replace(trace, value=None, attention=None, hidden=None)
        for role, trace in episode.traces.items()
    }
    return replace(episode, traces=traces)


def _stop(run: Run, frames: int, episodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {"frames": frames, "value": value_at(run, frames), "episodes": episodes}


def _evaluated(run: Run) -> dict[str, Any] | None:
    """What came out when the model was evaluated, over far more episodes than are shown."""
    score = _score(run)
    if score is None:
        return None
    episodes = run.evaluation["sampled"]["episodes"]
    return {"episodes": episodes, "measure": measure_of(run), "mean": score["mean"]}


def _score(run: Run) -> dict[str, float] | None:
    """Mean and interval of what the task is measured by, actions sampled; None where they are not known."""
    found = run.evaluation.get("sampled", {}).get(
        "success" if measure_of(run) == "success" else "mean_return"
    )
    return found if found and None not in found.values() else None


def _why_none(run: Run, episodes: int | None, trust_env_module: bool) -> str | None:
    if episodes == 0:
        return "no episodes were asked for"
    if not run.directory.model.is_file():
        return "there is no final model to play them: no run has finished, or only their numbers are here"
    if not is_native(run.env_id.rpartition(":")[2]):
        return f"{run.env_id} is none of this package's environments, so it cannot be drawn"
    try:
        id_from_file(run.env_id, run.directory.config.name, trust_env_module)
    except UntrustedModule as problem:
        return str(problem)
    return None
