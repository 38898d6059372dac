"""How figures look: the same on every machine."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from matplotlib import style


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Heed no matplotlibrc for the length of a block, in which figures are made, drawn and saved.

    It might ask for LaTeX. No text is taken for a formula, as names and settings of users stand in them.
    """
    with style.context(["default", {"text.parse_math": False, "svg.fonttype": "none"}]):
        yield
