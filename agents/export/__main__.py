"""Write a trained actor as an ONNX or a C file: `python -m agents.export RUN --out actor.onnx`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from agents.export.check import ExportError
from agents.export.exporter import export_actor, export_c
from agents.export.latency import latency_table
from agents.process.exit_status import FINISHED, exit_status
from agents.runs.trained import load_model
from memory_envs.commands import run_program
from memory_envs.files import check_output


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    return exit_status(lambda: _export(options), ExportError)


def _export(options: argparse.Namespace) -> int:
    check_output("--out", options.out)
    model = load_model(options.path)
    export = export_c if options.out.suffix == ".c" else export_actor
    print(export(model, options.out).summary())
    if options.benchmark:
        print(latency_table(model, options.out))
    return FINISHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agents.export", description="Write a trained recurrent actor as an ONNX or a C file."
    )
    parser.add_argument("path", metavar="RUN_OR_MODEL", help="run directory, or a model file")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("actor.onnx"),
        metavar="FILE",
        help="file to write, C where it ends in .c; %(default)s",
    )
    parser.add_argument(
        "--benchmark", action="store_true", help="then compare its time per step with that of predict"
    )
    return parser


if __name__ == "__main__":
    run_program(main)
