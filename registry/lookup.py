"""How the tables are asked: an unknown name is answered with the names there are."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeVar

Row = TypeVar("Row")

_SLIP = 0.85
"""How alike a name is, as difflib counts, that was only misspelt."""


def look_up(table: Mapping[str, Row], kind: str, name: str, choices: str | None = None) -> Row:
    """Return the row of `table` that is called `name`.

    Args:
        table: Rows by name.
        kind: What the rows are, for the error: "preset", "agent".
        name: The name asked for.
        choices: Which names there are, as lines; all of them, one after the other, when None.

    Raises:
        ValueError: There is no such row; says which there are, and which is nearest.
    """
    if name in table:
        return table[name]
    told = f" (there are {', '.join(map(repr, table))})" if choices is None else f"\nThere are:\n{choices}"
    raise ValueError(f"there is no {kind} {name!r}{did_you_mean(name, table)}{told}")


def did_you_mean(
    name: object, names: Iterable[str], synonyms: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> str:
    """Return ", did you mean 'x'?" to put behind an unknown name; nothing if no name is near.

    Arguments as for `nearest`.
    """
    return in_words(nearest(name, names, synonyms))


def in_words(near: Sequence[str]) -> str:
    """Return what `nearest` found as a question."""
    return f", did you mean {' or '.join(map(repr, near))}?" if near else ""


def nearest(name: object, names: Iterable[str], synonyms: Mapping[str, Sequence[str]]) -> list[str]:
    """Return what an unknown name was meant to be; nothing if no name is near.

    Args:
        name: The unknown name.
        names: Those that exist.
        synonyms: What is known elsewhere by a name, or by a word of one ("obs" of "obs_type"), to what means
            the same here. Where some of that exists it is proposed, a slip of the pen excepted.
    """
    asked, known = str(name).lower(), list(names)
    return (
        _meant(asked, known, synonyms)
        or difflib.get_close_matches(asked, known, n=1, cutoff=_SLIP)
        or next(filter(None, (_meant(word, known, synonyms) for word in asked.split("_"))), [])
        or difflib.get_close_matches(str(name), known, n=1)
    )


def _meant(word: str, known: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> list[str]:
    return [each for each in synonyms.get(word, ()) if each in known]
