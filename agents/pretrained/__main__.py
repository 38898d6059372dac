"""Shipped actors: `python -m agents.pretrained` lists them, with RUN_DIR it adds one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.pretrained.publish import BITS, EPISODES, publish
from agents.pretrained.store import SHIPPED, names, read_card
from agents.process.exit_status import FINISHED, exit_status
from memory_envs.commands import run_program


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _list_or_add(options))


def _list_or_add(options: argparse.Namespace) -> int:
    if options.run_dir is None:
        cards = [read_card(name, options.folder) for name in names(options.folder)]
    else:
        cards = [publish(options.run_dir, options.folder, bits=options.bits)]
    for card in cards:
        print(f"{card.name}: {card.summary()}")
    return FINISHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.pretrained",
        description="List the shipped actors, or add that of a run.",
    )
    parser.add_argument(
        "run_dir",
        nargs="?",
        metavar="RUN_DIR",
        help="finished run of a preset: its actor is evaluated over "
        f"{EPISODES:,} episodes and written under the preset's name; without it the actors are listed",
    )
    parser.add_argument(
        "--bits",
        type=int,
        choices=BITS,
        default=32,
        help="of each weight of a matrix: 8 make the file a quarter as large (default: 32)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=SHIPPED,
        help="folder of the actors (default: that of the package)",
    )
    return parser


if __name__ == "__main__":
    run_program(main)
