"""What the programs print on: texts of users come out as they are."""

from __future__ import annotations

from rich.console import Console


def plain_console() -> Console:
    """Return a console that takes no text for markup, or for the name of a picture."""
    return Console(markup=False, emoji=False, highlight=False)
