"""Train an agent: `python -m agents.train --preset imaze/ald`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence

from rich.console import Console

from agents.engines.faults import NoCluster
from agents.process.console import plain_console
from agents.process.exit_status import FAILED, FINISHED, INTERRUPTED, REFUSALS, refused
from agents.process.interpreter import python_command
from agents.process.interrupts import ignore_interrupts, raised_interrupts
from agents.runs.command_line import PROGRAM, parse
from agents.runs.directory import CannotWrite, RunDirectory
from agents.runs.finishing import finish
from agents.runs.session import prepare, train
from agents.runs.settings import RunSettings
from agents.vec_env.make import trust_flag
from memory_envs.commands import run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The command line; that of the process when None.

    Returns:
        The exit status: 0 finished, 1 out of room to write, 2 refused, 130 interrupted.
    """
    with raised_interrupts():
        return _main(arguments, plain_console())


def _main(arguments: Sequence[str] | None, console: Console) -> int:
    try:
        options = parse(arguments)
        run, model = prepare(options, console)
    except REFUSALS as problem:
        return refused(problem)
    except KeyboardInterrupt:
        return INTERRUPTED
    try:
        finished = train(run, model, options.run, console)
        if finished:
            finish(run, model, options, console)
    except NoCluster as problem:
        run.discard()
        return refused(problem)
    except CannotWrite as problem:
        run.discard()
        refused(problem)
        if run.path.exists():
            _say_how_to_resume(run, options.run, console)
        return FAILED
    except KeyboardInterrupt:  # outside of training: all that was trained is saved
        finished = False
    finally:
        run.release()
    if not finished:
        _say_how_to_resume(run, options.run, console)
    return FINISHED if finished else INTERRUPTED


def resume_command(run: RunDirectory, settings: RunSettings) -> str:
    """Return the command that resumes a run."""
    flags = trust_flag(settings.env_id)
    if settings.engine == "ray" and settings.ray_address is not None:
        flags += f" --ray-address {shlex.quote(settings.ray_address)}"
    return f"{python_command(PROGRAM)} --resume {shlex.quote(str(run.path))}{flags}"


def _say_how_to_resume(run: RunDirectory, settings: RunSettings, console: Console) -> None:
    console.print(f"Resume with:  {resume_command(run, settings)}", soft_wrap=True, highlight=False)


def run(command: Callable[[], int]) -> None:
    """Run a program that trains, and end the process with its exit status."""

    def program() -> int:
        status = command()
        ignore_interrupts()  # of someone who presses Ctrl-C twice
        return status

    run_program(program, outlives_readers=True)


if __name__ == "__main__":
    run(main)
