"""A training session: from options to a model in its run directory, trained to the total or interrupted."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from datetime import datetime, timezone
from typing import Any

import torch
from rich.console import Console
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecEnv

from agents.evaluation.episodes import evaluation_lanes
from agents.evaluation.seeds import check_seeds
from agents.process.interrupts import Interrupt, deferred_interrupts
from agents.process.provenance import provenance
from agents.runs import incident
from agents.runs.agreement import check_recorded
from agents.runs.callback import RunCallback, TrainingStopped
from agents.runs.directory import RunDirectory
from agents.runs.lanes import lanes_of
from agents.runs.log import CPU_SECONDS, FRAMES, SECONDS, Row, column, open_log, recover_rows
from agents.runs.options import Options
from agents.runs.progress import TrainingProgress
from agents.runs.settings import SUCCESS_WINDOW, RunSettings, rows_apart
from agents.runs.trained import WarmStart, begin_with
from agents.sb3 import saving
from agents.sb3.base import ConfiguredAlgorithm
from agents.vec_env.state import get_env_state


def prepare(options: Options, console: Console) -> tuple[RunDirectory, ConfiguredAlgorithm]:
    """Make or open the run directory, and the model in its environments, ready to `train`.

    The folder is made last, and removed if something goes wrong after all. A run to resume whose program
    ended before its first checkpoint is begun anew.

    Raises:
        FileExistsError: The folder of a new run is not empty.
        FileNotFoundError: The run to resume has a model, but no checkpoint.
        BlockingIOError: Another program trains in it.
        ValueError: The environment, a setting or the trained agent is refused, or the run to resume is not
            the one that its configuration describes.
    """
    settings, warm_start = options.run, None
    torch.set_num_threads(settings.num_threads or 1)
    engine, env = _engine(options), lanes_of(options)
    lanes = evaluation_lanes(settings.evaluation_episodes)
    check_seeds(settings.env_id, settings.env_settings, settings.seed, lanes)
    run = None if settings.resume is None else RunDirectory.open(settings.resume)
    if run is not None:
        run.claim()
    if run is not None and run.has_begun():
        model = _resumed_model(options, run, env, engine, console)
    else:
        model = _new_model(options, env, engine)
        warm_start = begin_with(model, settings.trained_agent) if settings.trained_agent else None
    run = run or RunDirectory.create(str(settings.run_dir))
    try:
        _write_configuration(run, options, model.num_timesteps, warm_start)
        _announce(run, model, options, warm_start, console)
    except BaseException:
        run.discard()
        raise
    return run, model


def _announce(
    run: RunDirectory,
    model: ConfiguredAlgorithm,
    options: Options,
    warm_start: WarmStart | None,
    console: Console,
) -> None:
    """Print what is trained, where, and from which beginning."""
    settings = options.run
    name = settings.preset or f"{options.agent} on {settings.env_id}"
    console.print(f"{name}, seed {settings.seed}, in {run.path}", soft_wrap=True, highlight=False)
    if settings.resume is not None:
        where = f"at {model.num_timesteps:,} frames" if run.has_begun() else "from its beginning"
        console.print(f"Resuming {where}", highlight=False)
    if warm_start is not None:
        console.print(f"Starting from {warm_start.describe()}", soft_wrap=True, highlight=False)


def train(run: RunDirectory, model: ConfiguredAlgorithm, settings: RunSettings, console: Console) -> bool:
    """Train to the total, or until interrupted, and save the state to resume from.

    A run that is complete is left as it is.

    Returns:
        True at the total or at the success asked for, False when interrupted.
    """
    if model.num_timesteps >= settings.total_timesteps:
        console.print("Training is complete; raise --total-timesteps to continue", highlight=False)
        return True

    def announce() -> None:
        console.print("Stopping after this unroll and saving ...", highlight=False)

    with deferred_interrupts(announce) as interrupt:
        callback = _callback(run, model, settings, interrupt, console)
        progress = TrainingProgress(settings.total_timesteps, console)
        # Whatever happens, the thread that writes events ends, which would go on in a folder that is gone.
        with contextlib.closing(model.logger):
            try:
                model.learn(
                    settings.total_timesteps - model.num_timesteps,
                    CallbackList([callback, progress]),
                    log_interval=0,
                    reset_num_timesteps=False,
                )
            except TrainingStopped as stopped:
                console.print(f"Stopped at {model.num_timesteps:,} frames: {stopped}", highlight=False)
            except incident.FAILURES as problem:
                kept = incident.keep(run, problem, settings.env_id, settings.env_settings)
                if kept is not None:
                    console.print(f"Details of the failure are in {kept}", soft_wrap=True, highlight=False)
                raise
            finally:
                progress.close()
            callback.save()
            callback.log()  # after saving, so that a resumed run completes this interval itself
    return not interrupt.requested


def _new_model(options: Options, env: VecEnv, engine: dict[str, Any]) -> ConfiguredAlgorithm:
    settings = options.run
    return options.algorithm(
        settings.policy,
        env,
        options.config,
        stats_window_size=SUCCESS_WINDOW,
        seed=settings.seed,
        device=settings.device,
        **engine,
    )


def _resumed_model(
    options: Options, run: RunDirectory, env: VecEnv, engine: dict[str, Any], console: Console
) -> ConfiguredAlgorithm:
    latest = run.latest_checkpoint()
    tree, _ = saving.read(latest, "cpu")
    check_recorded(tree, latest, run.read_config(), run.config)
    exact = get_env_state(env) is not None and tree.get("environment") is not None
    if not exact:
        console.print(
            "These environments cannot be restored inside an episode: new episodes start, so the run is not "
            "bit for bit what it would have been without the interruption",
            soft_wrap=True,
        )
    model = options.algorithm.load(latest, env, options.run.device, force_reset=not exact, **engine)
    _check_total(run, options.run.total_timesteps, model.num_timesteps)
    return model


def _engine(options: Options) -> dict[str, Any]:
    """Arguments of the agent's constructor that choose the engine; none for the serial one.

    Raises:
        ValueError: The agent does not run on the engine asked for.
    """
    engines, wanted = options.algorithm.engines, options.run.engine
    if wanted not in engines:
        raise ValueError(
            f"--engine {wanted} does not run the agent {options.agent!r}: choose {', '.join(engines)}"
        )
    settings = options.run.ray_settings
    return {} if settings is None else {"engine": settings}


def _check_total(run: RunDirectory, total_timesteps: int, frames: int) -> None:
    """A run may be made longer, but cannot lose what it has learnt."""
    if total_timesteps < frames and total_timesteps != run.read_config()["run"]["total_timesteps"]:
        raise ValueError(
            f"total_timesteps must be at least the {frames:,} frames that {run.path} was trained for, "
            f"got {total_timesteps:,}"
        )


def _callback(
    run: RunDirectory,
    model: ConfiguredAlgorithm,
    settings: RunSettings,
    interrupt: Interrupt,
    console: Console,
) -> RunCallback:
    """The callback that continues the log from where the model is."""
    unroll_frames = model.n_envs * model.config.unroll_length
    log_every = settings.log_every or rows_apart(unroll_frames)
    interval, frames = log_every * unroll_frames, model.num_timesteps
    rows, aside = recover_rows(run.progress)
    if aside is not None:
        console.print(
            f"{run.progress} cannot be read in full: what it held is in {aside}",
            soft_wrap=True,
            highlight=False,
        )
    earlier = [row for row in rows if int(row[FRAMES]) <= frames]
    seconds, cpu_seconds = (_total(earlier, name) for name in (SECONDS, CPU_SECONDS))
    with run.written():
        model.set_logger(open_log(run, frames, lambda logged: logged <= frames and logged % interval == 0))

    def why_stop() -> str | None:
        return "interrupted" if interrupt.requested else _success_reached(model, settings.stop_at_success)

    return RunCallback(
        run,
        unroll_frames=unroll_frames,
        log_every=log_every,
        checkpoint_every=settings.checkpoint_every,
        snapshots=settings.keep_snapshots,
        total_frames=settings.total_timesteps,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        why_stop=why_stop,
    )


def _total(rows: list[Row], name: str) -> float:
    """The largest value of a column that only grows; 0 in logs from before it was written."""
    return max((value for value in column(rows, name) if not math.isnan(value)), default=0.0)


def _success_reached(model: ConfiguredAlgorithm, wanted: float | None) -> str | None:
    successes = model.ep_success_buffer or ()
    if wanted is None or len(successes) < SUCCESS_WINDOW:
        return None
    rate = sum(successes) / len(successes)
    return f"success {rate:.3f} over the last {SUCCESS_WINDOW} episodes" if rate >= wanted else None


def _write_configuration(
    run: RunDirectory, options: Options, frames: int, warm_start: WarmStart | None
) -> None:
    """The options, and for each session of the run versions, machine and the networks it started from."""
    sessions = run.read_config().get("sessions", []) if run.config.exists() else []
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    session = {"started": started, "from_timesteps": frames} | provenance()
    if warm_start is not None:
        session["begins_with"] = warm_start._asdict()
    settings = dataclasses.replace(options.run, resume=None)
    saved = dataclasses.replace(options, run=settings)
    run.write_config(saved.to_dict() | {"sessions": [*sessions, session]})
