"""Tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# Where there is nothing to say.
NONE = "—"


class Row(NamedTuple):
    """A line of a table.

    Attributes:
        name: Of what it is about.
        cells: One for each column but the first.
        kind: What sets it apart from the others; empty for most.
    """

    name: str
    cells: Sequence[str]
    kind: str = ""


class Table(NamedTuple):
    """Columns, the first of which has the names of the rows; the others are numbers, aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Row]
    note: str = ""

    def part(self, *columns: int) -> Table:
        """Return the names of the rows and some columns; the first after the names is 0."""
        rows = [row._replace(cells=[row.cells[k] for k in columns]) for row in self.rows]
        return Table([self.columns[0], *(self.columns[k + 1] for k in columns)], rows, self.note)

    def markdown(self) -> str:
        """Return the table as Markdown, without its note."""
        lines = [self.columns, *([row.name, *row.cells] for row in self.rows)]
        head, *rest = (f"| {' | '.join(map(_in_a_cell, line))} |" for line in lines)
        return "\n".join([head, "|---" + "|---:" * (len(self.columns) - 1) + "|", *rest])


def _in_a_cell(text: str) -> str:
    """A text that ends no cell and no row of Markdown."""
    return " ".join(text.split()).replace("|", "\\|")
