"""Which parts of a scene a frame or a text shows."""

from typing import NamedTuple

import numpy as np

from memory_envs.rules.settings import check_choice

VIEWS = ("both", "room", "agent")


class Style(NamedTuple):
    """What a frame or a text shows.

    Attributes:
        view: "room" from above, the "agent"'s own view, or "both".
        panel: Whether the hidden facts, the step count and the legend stand beside it.
    """

    view: str = "both"
    panel: bool = True


ALL = Style()


def check_style(view: str, panel: bool) -> Style:
    """Return the style of these settings.

    Raises:
        TypeError: `panel` is not a bool.
        ValueError: `view` is none of VIEWS.
    """
    check_choice("render_view", view, VIEWS)
    if not isinstance(panel, (bool, np.bool_)):
        raise TypeError(f"render_panel must be a bool, got {panel!r}")
    return Style(view, bool(panel))
