"""The page: text, figures, data, style and program in one HTML file that loads nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from memory_envs.registry.looks import LOOKS

# In the order in which they are put into one script: later files use what earlier ones define.
SCRIPTS = (
    *("elements.js", "episode.js", "scene.js", "tracks.js", "words.js", "boards.js", "inside.js"),
    *("training.js", "player.js", "main.js"),
)
STYLES = ("report.css", "player.css", "boards.css", "training.css")


def page(title: str, sections: Sequence[Mapping[str, Any]], data: Mapping[str, Any]) -> str:
    """Return the HTML of a page.

    Args:
        title: Of the page.
        sections: What it says of each task, see `sections.section`.
        data: What it plays, see `players.players_data`.

    Raises:
        ValueError: A number in `data` is not finite.
    """
    templates = Environment(
        loader=PackageLoader("agents.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return templates.get_template("report.html").render(
        title=title,
        written=f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC",
        tasks=sections,
        data=Markup(embedded(data)),
        style=_colours() + _assets(STYLES),
        script=_assets(SCRIPTS),
    )


def embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that no HTML parser takes for the end of its script element."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def title_of(tasks: Sequence[str], groups: Sequence[str]) -> str:
    """Return a title that says what was run on what."""
    what = groups[0] if len(groups) == 1 else f"{len(groups)} experiments"
    return f"{what} on {', '.join(tasks)}" if len(tasks) == 1 else f"{what} on {len(tasks)} tasks"


def _colours() -> Markup:
    """What the style and the program call the colours of our figures: of actor and learner, of actions."""
    others = [LOOKS[name].colour for name in ("asymmetric", "recurrent-ppo", "ppo")]
    named = {"actor": LOOKS["vmpo-lstm"].colour, "learner": LOOKS["vmpo-gtrxl"].colour}
    named |= {f"action-{k}": colour for k, colour in enumerate(others)}
    return Markup(":root { " + " ".join(f"--{name}: {colour};" for name, colour in named.items()) + " }\n")


def _assets(names: Sequence[str]) -> Markup:
    folder = resources.files("agents.report") / "assets"
    return Markup("\n".join((folder / name).read_text(encoding="utf-8") for name in names))
