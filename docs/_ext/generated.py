"""What pages tell of the code, written into them between two comments: it is read on the site and off it.

    <!-- ids: IMazeEnv -->
    ... replaced by `python docs/_ext/generated.py` ...
    <!-- end -->

A part names what is generated, see `GENERATORS`, and of which class. Tests find a page that is out of date.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import environment_pages
import setting_tables

DOCS = Path(__file__).parents[1]

GENERATORS: dict[str, Callable[[str], str]] = environment_pages.GENERATORS | {
    "settings": setting_tables.table,
}

_PART = re.compile(r"(<!-- (\w+): (\w+) -->\n).*?(<!-- end -->\n)", re.S)


def parts(source: str) -> list[tuple[str, str]]:
    """Return what a page asks for: names of generators, and of classes."""
    return [(part[2], part[3]) for part in _PART.finditer(source)]


def expand(source: str) -> str:
    """Return a page with every part generated anew.

    Raises:
        ValueError: A page asks for something that nobody generates, or for an unknown class.
    """
    return _PART.sub(lambda part: f"{part[1]}{_generate(part[2], part[3])}{part[4]}", source)


def pages() -> Iterator[Path]:
    """Yield the pages that ask for something."""
    for page in sorted(DOCS.rglob("*.md")):
        if "_build" not in page.parts and parts(page.read_text(encoding="utf-8")):
            yield page


def _generate(part: str, class_name: str) -> str:
    if part not in GENERATORS:
        raise ValueError(f"a page may ask for {', '.join(GENERATORS)}, got {part!r}")
    return GENERATORS[part](class_name)


def main() -> None:
    """Bring all pages up to date, and the pictures of the environments."""
    environment_pages.paint()
    for page in pages():
        before = page.read_text(encoding="utf-8")
        if (after := expand(before)) != before:
            page.write_text(after, encoding="utf-8")
            print(page.relative_to(DOCS))


if __name__ == "__main__":
    main()
