"""The page: data, style and program in one HTML file that loads nothing."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

# In the order in which they are put into one script: later files use what earlier ones define.
SCRIPTS = (
    "elements.js",
    "episode.js",
    "chart.js",
    "curves.js",
    "tables.js",
    "comparison.js",
    "scene.js",
    "tracks.js",
    "words.js",
    "player.js",
    "main.js",
)

STYLES = ("report.css", "player.css")

_MARKS = {"style": "/* STYLE */", "data": "/* DATA */", "script": "/* SCRIPT */", "title": "TITLE"}


def page(title: str, data: Mapping[str, Any]) -> str:
    """Return the HTML of a page that shows `data`.

    Raises:
        ValueError: A number in `data` is not finite.
    """
    parts = {
        "style": "\n".join(_asset(name) for name in STYLES),
        "data": embedded(data),
        "script": "\n".join(_asset(name) for name in SCRIPTS),
        "title": html.escape(title),
    }
    text = _asset("report.html")
    for name, mark in _MARKS.items():
        before, found, after = text.partition(mark)
        if not found:
            raise ValueError(f"report.html has no mark {mark!r}")
        text = before + parts[name] + after
    return text


def embedded(data: Mapping[str, Any]) -> str:
    """Return JSON that no HTML parser takes for the end of its script element."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def _asset(name: str) -> str:
    return resources.files("agents.report").joinpath("assets", name).read_text(encoding="utf-8")


def title_of(tasks: Sequence[str], groups: Sequence[str]) -> str:
    """Return a title that says what was run on what."""
    what = groups[0] if len(groups) == 1 else f"{len(groups)} experiments"
    return f"{what} on {', '.join(tasks)}" if len(tasks) == 1 else f"{what} on {len(tasks)} tasks"
