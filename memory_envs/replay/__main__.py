"""The command: verify a replay, and show it if asked."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gymnasium import error

from memory_envs.commands import FINISHED, refused, run_program
from memory_envs.files import check_output
from memory_envs.replay import Replay


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused (no replay, one that does not verify, or files that
        cannot be written).
    """
    options = _parser().parse_args(arguments)
    try:
        check_output("--gif", options.gif)
        check_output("--mp4", options.mp4)
        replay = Replay.load(options.file, verify=not options.no_verify)
        if options.ansi:
            for text in replay.to_ansi(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ):
                print(text)
        if options.gif:
            replay.save_gif(options.gif, options.fps, width=options.width)
        if options.mp4:
            replay.save_mp4(options.mp4, options.fps)
    except (ValueError, OSError, error.Error) as problem:
        return refused(problem)
    print(_summary(replay, verified=not options.no_verify))
    return FINISHED


def _summary(replay: Replay, verified: bool) -> str:
    settings = f" {json.dumps(replay.kwargs)}" if replay.kwargs else ""
    return (
        f"{replay.env_id}{settings}, stream {replay.stream}, episode {replay.episode}: "
        f"{len(replay.actions)} steps, return {replay.episode_return:g}, "
        f"{'every state verified' if verified else 'not verified'}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m memory_envs.replay", description="Verify a replay, and show it if asked."
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="replay (JSON)")
    parser.add_argument("--gif", type=Path, metavar="FILE", help="write an animation")
    parser.add_argument("--mp4", type=Path, metavar="FILE", help="write a video")
    parser.add_argument("--ansi", action="store_true", help="print every state as text")
    parser.add_argument("--fps", type=float, default=10, metavar="N", help="frames per second (10)")
    parser.add_argument("--width", type=int, metavar="PIXELS", help="width of the GIF; as painted by default")
    parser.add_argument("--no-verify", action="store_true", help="do not compare states")
    return parser


if __name__ == "__main__":
    run_program(main)
