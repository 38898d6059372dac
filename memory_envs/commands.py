"""What the commands of the suite have in common."""

import argparse
from typing import Any

from memory_envs.registry.json_text import MalformedJson, read_object

FINISHED, REFUSED = 0, 2
"""Exit statuses; 2 is argparse's own for a command line that cannot be read."""


def add_env_kwargs(parser: argparse.ArgumentParser) -> None:
    """Add the option by which every program takes the settings of an environment, `--env-kwargs JSON`."""
    parser.add_argument(
        "--env-kwargs",
        type=json_object,
        default={},
        metavar="JSON",
        help="settings of the environment, such as '{\"size\": 15}'",
    )


def json_object(text: str) -> dict[str, Any]:
    """Return the dictionary that a text holds as JSON.

    Raises:
        argparse.ArgumentTypeError: It holds something else.
    """
    try:
        return read_object(text)
    except MalformedJson:
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r:.80}") from None
