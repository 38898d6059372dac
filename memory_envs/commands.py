"""What the commands of the suite have in common."""

import argparse
import json
from typing import Any

FINISHED, REFUSED = 0, 2
"""Exit statuses; 2 is argparse's own for a command line that cannot be read."""


def json_object(text: str) -> dict[str, Any]:
    """Return the settings of a command-line option, for argparse's `type`.

    Raises:
        argparse.ArgumentTypeError: The text is not a JSON object.
    """
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"must be a JSON object, got {text!r}")
    return value
