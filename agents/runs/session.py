"""The training programs: from a command line to a run directory that can be gone on with."""

from __future__ import annotations

import dataclasses
import math
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NoReturn

import torch
from rich.console import Console
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecEnv

from agents.runs import incident
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import ConfiguredAlgorithm
from agents.runs.curve import published_points, reached, save_curve
from agents.engines.faults import EnvironmentFailed, NoCluster
from agents.learning.finite import LossNotFinite
from agents.vec_env.state import get_env_state
from agents.evaluation.episodes import Evaluation, evaluate, evaluation_lanes
from agents.process.exit_status import FINISHED, INTERRUPTED, REFUSALS, REFUSED
from agents.process.interrupts import Interrupt, deferred_interrupts, ignore_interrupts
from agents.vec_env.make import is_native, make_lanes, make_remote_lanes, resolve_id
from agents.runs.options import SUCCESS_WINDOW, Options, RunSettings, parse, rows_apart
from agents.runs.progress import TrainingProgress, clock
from agents.process.provenance import provenance
from agents.runs.recorder import RunRecorder, TrainingStopped
from agents.evaluation.recording import record_success
from agents.runs.directory import RunDirectory, write_json
from agents.runs.log import CPU_SECONDS, FRAMES, SECONDS, Row, column, open_log, read_rows
from agents.sb3.saving import holds_environments
from agents.runs.trained import Beginning, begin_with
from registry.agents import get_agent


def main(program: str, arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        program: Module that is run, one of those in `registry.agents`.
        arguments: The command line; that of the process when None.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    console = Console()
    try:
        options = parse(program, arguments)
        run, model = prepare(options, console)
    except REFUSALS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        finished = train(run, model, options.run, console)
        if finished:
            report(run, model, options, console)
    except NoCluster as problem:
        print(f"error: {problem}", file=sys.stderr)
        run.forget_unless_trained()
        return REFUSED
    except KeyboardInterrupt:  # between training and the end of the report: all that was trained is saved
        finished = False
    finally:
        run.release()
    if not finished:
        console.print(f"Go on with:  {resume_command(program, run)}", soft_wrap=True, highlight=False)
    return FINISHED if finished else INTERRUPTED


def prepare(options: Options, console: Console) -> tuple[RunDirectory, ConfiguredAlgorithm]:
    """Make or open the run directory, and the model in its environments, ready to `train`.

    Raises:
        FileExistsError: The folder of a new run is not empty.
        FileNotFoundError: The run to resume has no checkpoint.
        BlockingIOError: Another program trains in it.
        ValueError: The environment, a setting or the trained agent is refused.
    """
    settings, beginning = options.run, None
    torch.set_num_threads(settings.num_threads or 1)
    engine = _engine(options)
    make = make_remote_lanes if engine else make_lanes
    env: VecEnv = make(settings.env_id, settings.num_envs, settings.env_settings)
    if settings.resume is None:
        model = find_algorithm(options.agent)(
            settings.policy,
            env,
            options.config,
            stats_window_size=SUCCESS_WINDOW,
            seed=settings.seed,
            device=settings.device,
            **engine,
        )
        if settings.trained_agent is not None:
            beginning = begin_with(model, settings.trained_agent)
        run = RunDirectory.create(str(settings.run_dir))
        run.claim()
    else:
        run = RunDirectory.open(settings.resume)
        run.claim()
        model = _resumed(options.agent, run, env, settings.device, console, engine)
        _check_total(run, settings.total_timesteps, model.num_timesteps)
    _write_configuration(run, options, model.num_timesteps, beginning)
    console.print(f"{settings.name}, seed {settings.seed}, in {run.path}", soft_wrap=True, highlight=False)
    if settings.resume is not None:
        console.print(f"Goes on from {model.num_timesteps:,} frames", highlight=False)
    if beginning is not None:
        console.print(f"Begins with {beginning.told()}", soft_wrap=True, highlight=False)
    return run, model


def train(run: RunDirectory, model: ConfiguredAlgorithm, settings: RunSettings, console: Console) -> bool:
    """Train to the total, or until told to stop, and save the state to resume from.

    A run that has come to its total is left as it is.

    Returns:
        True at the total or at the success asked for, False when interrupted.
    """
    if model.num_timesteps >= settings.total_timesteps:
        console.print("Nothing is left to train: a larger --total-timesteps goes on", highlight=False)
        return True

    def announce() -> None:
        console.print("Stopping after this unroll and saving ...", highlight=False)

    with deferred_interrupts(announce) as interrupt:
        recorder = _recorder(run, model, settings, interrupt)
        progress = TrainingProgress(settings.total_timesteps, console)
        try:
            model.learn(
                settings.total_timesteps - model.num_timesteps,
                CallbackList([recorder, progress]),
                log_interval=0,
                reset_num_timesteps=False,
            )
        except TrainingStopped as stopped:
            console.print(f"Stopped at {model.num_timesteps:,} frames: {stopped}", highlight=False)
        except (EnvironmentFailed, LossNotFinite) as problem:
            kept = incident.keep(run, problem, settings.env_id, settings.env_settings)
            if kept is not None:
                console.print(f"What is known of the failure is in {kept}", soft_wrap=True, highlight=False)
            raise
        finally:
            progress.close()
        recorder.save()
        recorder.log()  # after saving, so that a resumed run completes this interval itself
        model.logger.close()
    return not interrupt.requested


def report(run: RunDirectory, model: ConfiguredAlgorithm, options: Options, console: Console) -> None:
    """Write the final model, its evaluation, the learning curve and a replay, and say how it went."""
    settings = options.run
    model.save(run.model, exclude=("replay", "environment"))
    rows = read_rows(run.progress)
    save_curve(run.curve, rows, _title(options), published_points(settings.env_id, settings.env_settings))
    for success in (0.95, 0.99):
        frames, minutes = (reached(rows, success, unit) for unit in ("frames", "minutes"))
        if frames is not None and minutes is not None:
            line = f"{success:.0%} success while training after {frames:.2f} M frames"
            console.print(f"{line}, {clock(60 * minutes)} minutes", highlight=False)
    evaluations = _evaluate(model, settings)
    write_json(run.evaluation, {name: each.to_dict() for name, each in evaluations.items()})
    _record(run, model, settings, console)
    for name, each in evaluations.items():
        console.print(f"{name} actions: {each.summary()}", highlight=False)
    command = f"{_python()} -m agents.enjoy {shlex.quote(str(run.path))}"
    console.print(f"Watch it with:  {command}", soft_wrap=True, highlight=False)


def resume_command(program: str, run: RunDirectory) -> str:
    """Return the command that goes on with a run."""
    return f"{_python()} -m {program} --resume {shlex.quote(str(run.path))}"


def _engine(options: Options) -> dict[str, Any]:
    """What an agent's constructor is told of the engine, which is nothing of the serial one.

    Raises:
        ValueError: The agent does not run on the engine asked for.
    """
    engines, wanted = find_algorithm(options.agent).engines, options.run.engine
    if wanted not in engines:
        raise ValueError(
            f"--engine {wanted} does not run the agent {options.agent!r}: choose {', '.join(engines)}"
        )
    settings = options.run.ray_settings
    return {} if settings is None else {"engine": settings}


def _resumed(
    agent: str, run: RunDirectory, env: VecEnv, device: str, console: Console, engine: dict[str, Any]
) -> ConfiguredAlgorithm:
    latest = run.latest_checkpoint()
    exact = get_env_state(env) is not None and holds_environments(latest)
    if not exact:
        console.print(
            "These environments cannot be put back into the middle of an episode: new ones begin, and the "
            "run goes on, but not bit for bit as if it had not been interrupted",
            soft_wrap=True,
        )
    return find_algorithm(agent).load(latest, env, device, force_reset=not exact, **engine)


def _check_total(run: RunDirectory, total_timesteps: int, frames: int) -> None:
    """A run may be made longer, but cannot lose what it has learnt."""
    if total_timesteps < frames and total_timesteps != run.read_config()["run"]["total_timesteps"]:
        raise ValueError(
            f"total_timesteps must be at least the {frames:,} frames that {run.path} was trained for, "
            f"got {total_timesteps:,}"
        )


def _recorder(
    run: RunDirectory, model: ConfiguredAlgorithm, settings: RunSettings, interrupt: Interrupt
) -> RunRecorder:
    """The callback that writes the log on from where the model stands."""
    unroll_frames = model.n_envs * model.config.unroll_length
    log_every = settings.log_every or rows_apart(unroll_frames)
    interval, frames = log_every * unroll_frames, model.num_timesteps
    earlier = [row for row in read_rows(run.progress) if int(row[FRAMES]) <= frames]
    seconds, cpu_seconds = (_total(earlier, name) for name in (SECONDS, CPU_SECONDS))
    model.set_logger(open_log(run, frames, lambda logged: logged <= frames and logged % interval == 0))

    def why_stop() -> str | None:
        return "interrupted" if interrupt.requested else _success_held(model, settings.stop_at_success)

    return RunRecorder(
        run,
        unroll_frames=unroll_frames,
        log_every=log_every,
        checkpoint_every=settings.checkpoint_every,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        why_stop=why_stop,
    )


def _total(rows: list[Row], name: str) -> float:
    """What a column that only grows has come to; logs of before it was written have none of it."""
    return max((value for value in column(rows, name) if not math.isnan(value)), default=0.0)


def _success_held(model: ConfiguredAlgorithm, wanted: float | None) -> str | None:
    successes = model.ep_success_buffer or ()
    if wanted is None or len(successes) < SUCCESS_WINDOW:
        return None
    rate = sum(successes) / len(successes)
    return f"success {rate:.3f} over the last {SUCCESS_WINDOW} episodes" if rate >= wanted else None


def _evaluate(model: ConfiguredAlgorithm, settings: RunSettings) -> dict[str, Evaluation]:
    """By how actions are chosen: "sampled", as in training and in the paper, and "deterministic"."""
    episodes = settings.evaluation_episodes
    env = make_lanes(settings.env_id, evaluation_lanes(episodes), settings.env_settings)
    evaluations = {
        name: evaluate(model, env, episodes, deterministic=name == "deterministic", seed=settings.seed)
        for name in ("sampled", "deterministic")
    }
    env.close()
    return evaluations


def _record(run: RunDirectory, model: ConfiguredAlgorithm, settings: RunSettings, console: Console) -> None:
    if not is_native(resolve_id(settings.env_id)):
        console.print(f"no replay: {settings.env_id} is none of this package's environments", highlight=False)
        return
    replay, success = record_success(model, settings.env_id, settings.env_settings, settings.seed)
    replay.save(run.replay)
    replay.save_gif(run.animation)
    if not success:
        console.print(f"{run.replay.name} shows a failure: no episode that was tried for it succeeded")


def _write_configuration(
    run: RunDirectory, options: Options, frames: int, beginning: Beginning | None
) -> None:
    """The options, and what each session of the run was made with, the first perhaps with another model."""
    sessions = run.read_config()["sessions"] if run.config.exists() else []
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    session = {"started": started, "from_timesteps": frames} | provenance()
    if beginning is not None:
        session["begins_with"] = beginning._asdict()
    settings = dataclasses.replace(options.run, resume=None)
    saved = dataclasses.replace(options, run=settings)
    run.write_config(saved.to_dict() | {"sessions": [*sessions, session]})


def _title(options: Options) -> str:
    settings = options.run
    task = settings.env_id + (f" {settings.env_kwargs}" if settings.env_settings else "")
    return f"{get_agent(options.agent).title} on {task}, seed {settings.seed}"


def _python() -> str:
    """The interpreter as one would type it from here."""
    executable = Path(sys.executable)
    here = executable.is_relative_to(Path.cwd())
    return shlex.quote(os.path.relpath(executable) if here else str(executable))


def run_program(program: str) -> NoReturn:
    """Run the command of this process and end it."""
    status = main(program)
    ignore_interrupts()  # of someone who presses Ctrl-C twice
    sys.exit(status)
