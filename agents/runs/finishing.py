"""The end of a run: final model, evaluation, learning curve and replay, and the lines that sum them up."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from agents.evaluation.episodes import AVOIDABLE, Evaluation, evaluate, evaluation_lanes
from agents.evaluation.recording import ATTEMPTS, record_success
from agents.process.interpreter import python_command
from agents.runs.curve import published_points, reached, save_curve
from agents.runs.directory import RunDirectory
from agents.runs.events import log_result
from agents.runs.log import Row, read_rows
from agents.runs.options import Options
from agents.runs.progress import format_duration
from agents.runs.settings import RunSettings
from agents.runs.yardsticks import compared_line, known_certificate
from agents.sb3.base import ConfiguredAlgorithm
from agents.vec_env.make import is_native, make_lanes, resolve_id, told, trust_flag
from memory_envs.files import write_json
from memory_envs.registry.agents import get_agent
from memory_envs.registry.looks import LOOKS, find_look


def finish(run: RunDirectory, model: ConfiguredAlgorithm, options: Options, console: Console) -> None:
    """Write the final model, its evaluation, a replay, and print how it went; pictures come last."""
    settings = options.run
    model.save(run.model, exclude=("replay", "environment"))
    rows = read_rows(run.progress)
    _print_milestones(rows, console)
    evaluations = _evaluate(model, settings)
    write_json(run.evaluation, {name: each.to_dict() for name, each in evaluations.items()})
    for name, each in evaluations.items():
        how = {"sampled": "Sampled", "deterministic": "Greedy"}[name]
        console.print(f"{how}: {each.summary()}", soft_wrap=True, highlight=False)
    _record(run, model, settings, console)
    certificate = known_certificate(settings.env_id, settings.env_settings)
    with _dispensable(run.curve, console):
        published = published_points(settings.env_id, settings.env_settings)
        save_curve(run.curve, rows, _title(options), published, certificate, _colour(options))
    log_result(run, options, model.num_timesteps, evaluations, certificate)
    for name, program in (("Report", "agents.report"), ("Watch", "agents.enjoy")):
        command = f"{python_command(program)} {shlex.quote(str(run.path))}{trust_flag(settings.env_id)}"
        console.print(f"{name} it with:  {command}", soft_wrap=True, highlight=False)
    console.print(compared_line(evaluations["sampled"], certificate), soft_wrap=True, highlight=False)


@contextlib.contextmanager
def _dispensable(picture: Path, console: Console) -> Iterator[None]:
    """Go on without a picture, whatever its libraries raise: it shows nothing that is not in another file."""
    try:
        yield
    except Exception as problem:
        told = f"{picture} is not drawn: {type(problem).__name__}: {problem}"
        console.print(told, soft_wrap=True, highlight=False)


def _print_milestones(rows: list[Row], console: Console) -> None:
    for success in (0.95, 0.99):
        frames, minutes = (reached(rows, success, unit) for unit in ("frames", "minutes"))
        if frames is not None and minutes is not None:
            line = f"{success:.0%} training success after {frames:.2f} M frames"
            console.print(f"{line}, {format_duration(60 * minutes)} minutes", highlight=False)


def _evaluate(model: ConfiguredAlgorithm, settings: RunSettings) -> dict[str, Evaluation]:
    """By how actions are chosen: "sampled", as in training and in the paper, and "deterministic"."""
    episodes = settings.evaluation_episodes
    env_settings = told(settings.env_id, settings.env_settings, AVOIDABLE)
    env = make_lanes(settings.env_id, evaluation_lanes(episodes), env_settings)
    evaluations = {
        name: evaluate(model, env, episodes, deterministic=name == "deterministic", seed=settings.seed)
        for name in ("sampled", "deterministic")
    }
    env.close()
    return evaluations


def _record(run: RunDirectory, model: ConfiguredAlgorithm, settings: RunSettings, console: Console) -> None:
    if not is_native(resolve_id(settings.env_id)):
        console.print(f"No replay: {settings.env_id} is not an environment of this package", highlight=False)
        return
    replay, success = record_success(model, settings.env_id, settings.env_settings, settings.seed)
    replay.save(run.replay)
    with _dispensable(run.animation, console):
        replay.save_gif(run.animation)
    if not success:
        console.print(f"{run.replay.name} shows a failure: none of {ATTEMPTS} episodes succeeded")


def _colour(options: Options) -> str:
    known = find_look(options.run.preset or options.agent, options.run.policy)
    return (known[1] if known else LOOKS[options.agent]).colour


def _title(options: Options) -> str:
    settings = options.run
    task = settings.env_id + (f" {settings.env_kwargs}" if settings.env_settings else "")
    return f"{get_agent(options.agent).title} on {task}, seed {settings.seed}"
