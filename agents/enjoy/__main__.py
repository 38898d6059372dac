"""Watch and evaluate a trained actor: `python -m agents.enjoy RUN_DIR`, or `--pretrained NAME`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from agents import pretrained
from agents.enjoy.views import GifView, TextView, View, WindowView, check_rendering
from agents.evaluation.episodes import (
    FIRST_EVALUATION_SEED,
    Episode,
    Evaluation,
    acting,
    evaluate,
    evaluation_lanes,
    play,
)
from agents.evaluation.seeds import check_seeds
from agents.process.devices import checked_device
from agents.process.exit_status import FINISHED, exit_status
from agents.runs.trained import TrainedModel, check_spaces, load_trained
from agents.runs.yardsticks import compared_line, known_certificate
from agents.vec_env.make import make_lanes, make_single
from memory_envs.commands import json_object, run_program
from memory_envs.files import check_output

HEADLESS_EPISODES, WATCHED_EPISODES = 1000, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted before the first episode ended.
    """
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _enjoy(options))


def _enjoy(options: argparse.Namespace) -> int:
    check_output("--gif", options.gif)
    trained = _load(options)
    lanes = evaluation_lanes(options.episodes or HEADLESS_EPISODES) if options.headless else 1
    check_seeds(trained.env_id, trained.env_kwargs, options.seed, lanes)
    evaluation = _evaluate(trained, options) if options.headless else _watch(trained, options)
    certificate = known_certificate(trained.env_id, trained.env_kwargs)
    if certificate is not None:
        print(compared_line(evaluation, certificate))
    print(evaluation.summary())
    return FINISHED


def _load(options: argparse.Namespace) -> TrainedModel:
    if (options.path is None) == (options.pretrained is None):
        raise ValueError(
            f"give RUN_DIR, or --pretrained and the name of a shipped actor: {', '.join(pretrained.names())}"
        )
    where = options.env, options.env_kwargs, checked_device(options.device)
    if options.pretrained is not None:
        return pretrained.load_pretrained(options.pretrained, *where)
    return load_trained(options.path, *where, trust_env_module=options.trust_env_module)


def watch(
    trained: TrainedModel,
    view: View,
    episodes: int,
    *,
    deterministic: bool = False,
    seed: int = 0,
) -> Evaluation:
    """Play episodes in sequence and show every frame; Ctrl-C summarises those that were finished."""
    check_rendering(trained.env_id, view.render_mode)
    env = make_single(trained.env_id, trained.env_kwargs, view.render_mode)
    check_spaces(trained.model, env, trained.env_id)
    finished: list[Episode] = []
    try:
        with acting(FIRST_EVALUATION_SEED + seed):
            while len(finished) < episodes:
                first = None if finished else FIRST_EVALUATION_SEED + seed
                finished.append(
                    play(
                        trained.model,
                        env,
                        deterministic=deterministic,
                        seed=first,
                        on_frame=lambda: view.frame(env),
                    )
                )
                view.rest()
    except KeyboardInterrupt:
        if not finished:
            raise
    finally:
        env.close()
    return Evaluation.of(finished)


def _watch(trained: TrainedModel, options: argparse.Namespace) -> Evaluation:
    view = TextView() if options.ansi else GifView() if options.gif else WindowView()
    episodes = options.episodes or WATCHED_EPISODES
    evaluation = watch(trained, view, episodes, deterministic=options.deterministic, seed=options.seed)
    if isinstance(view, GifView):
        view.gif.save(options.gif)
        print(f"{len(view.gif)} frames in {options.gif}")
    return evaluation


def _evaluate(trained: TrainedModel, options: argparse.Namespace) -> Evaluation:
    episodes = options.episodes or HEADLESS_EPISODES
    env = make_lanes(trained.env_id, evaluation_lanes(episodes), trained.env_kwargs)
    check_spaces(trained.model, env, trained.env_id)
    evaluation = evaluate(
        trained.model, env, episodes, deterministic=options.deterministic, seed=options.seed
    )
    env.close()
    return evaluation


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.enjoy", description="Watch and evaluate a trained actor."
    )
    parser.add_argument("path", nargs="?", metavar="RUN_DIR", help="run directory, or a model file")
    parser.add_argument(
        "--pretrained",
        metavar="NAME",
        help=f"a shipped actor instead of a run: {', '.join(pretrained.names())}",
    )
    parser.add_argument(
        "--episodes",
        type=_checked(int, lambda number: number >= 1, "an integer of at least 1"),
        help=f"number of episodes (default: {WATCHED_EPISODES}, {HEADLESS_EPISODES} with --headless)",
    )
    view = parser.add_mutually_exclusive_group()
    view.add_argument(
        "--gif",
        type=_checked(Path, lambda file: file.suffix.lower() == ".gif", "a name that ends with .gif"),
        metavar="FILE",
        help="write a GIF instead of opening a window",
    )
    view.add_argument("--ansi", action="store_true", help="print text instead of opening a window")
    view.add_argument("--headless", action="store_true", help="show nothing: evaluate fast, in many lanes")
    actions = parser.add_mutually_exclusive_group()
    actions.add_argument("--deterministic", action="store_true", help="take greedy actions")
    actions.add_argument(
        "--stochastic",
        action="store_false",
        dest="deterministic",
        help="sample actions as in training (the default)",
    )
    parser.add_argument(
        "--seed",
        type=_checked(int, lambda seed: 0 <= seed < FIRST_EVALUATION_SEED, "an integer from 0"),
        default=0,
        help="seed of episodes and actions (default: 0); no training run has seen these episodes",
    )
    parser.add_argument("--env", metavar="ID", help="environment other than that of the run")
    parser.add_argument(
        "--trust-env-module",
        action="store_true",
        help='import the module that the run names, where its environment is a "module:id"',
    )
    parser.add_argument(
        "--env-kwargs",
        type=json_object,
        metavar="JSON",
        help="keyword arguments of the environment other than those of the run",
    )
    parser.add_argument(
        "--device", default="cpu", help="device of the networks: cpu (the default), cuda, ..."
    )
    return parser


def _checked(read: Callable[[str], Any], holds: Callable[[Any], bool], what: str) -> Callable[[str], Any]:
    """A type for argparse whose error names what was expected."""

    def convert(text: str) -> Any:
        try:
            value = read(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}") from None
        if not holds(value):
            raise argparse.ArgumentTypeError(f"must be {what}, got {text!r}")
        return value

    return convert


if __name__ == "__main__":
    run_program(main)
