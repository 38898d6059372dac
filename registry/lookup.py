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


def did_you_mean(name: object, names: Iterable[str], synonyms: Iterable[str] = ()) -> str:
    """Return ", did you mean 'x'?" to put behind an unknown name; nothing if no name is near.

    Args:
        name: The unknown name.
        names: Those that exist; the nearest is proposed.
        synonyms: Names that mean the same elsewhere; where there are some, these are proposed.
    """
    near = list(synonyms) or difflib.get_close_matches(str(name), names, n=1)
    return f", did you mean {' or '.join(map(repr, near))}?" if near else ""
