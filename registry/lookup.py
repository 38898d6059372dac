"""How the tables are asked: an unknown name is answered with the names there are."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

Row = TypeVar("Row")


def look_up(table: Mapping[str, Row], kind: str, name: str, choices: str | None = None) -> Row:
    """Return the row of `table` that is called `name`.

    Args:
        table: Rows by name.
        kind: What the rows are, for the error: "preset", "agent".
        name: The name asked for.
        choices: Which names there are, in words; all of them, one after the other, when None.

    Raises:
        ValueError: There is no such row; says which there are, and which is nearest.
    """
    if name in table:
        return table[name]
    choices = choices or f"there are {', '.join(map(repr, table))}"
    raise ValueError(f"there is no {kind} {name!r}{did_you_mean(name, table)} ({choices})")


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """Return ", did you mean 'this'?" for the nearest of some names, "" where none is near."""
    near = difflib.get_close_matches(name, names, n=1) if isinstance(name, str) else []
    return f", did you mean {near[0]!r}?" if near else ""
