"""Figures as files: PNG for runs, SVG for documentation and pages."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from agents.figures.curves import GRID, INK, SPINE
from agents.figures.style import own_style
from memory_envs.files import replacing

DPI = 120
# What follows a page from light to dark: properties that its style defines.
_OF_THE_PAGE = {INK: "var(--ink)", GRID: "var(--line)", SPINE: "var(--soft)"}
# Of a picture in a file of its own, which has no page: what its reader prefers.
_OWN_STYLE = f"""<style>
:root {{ --ink: {INK}; --line: {GRID}; --soft: {SPINE}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #d5dae4; --line: #3a4150; --soft: #687084; }} }}
text {{ font-family: system-ui, "Segoe UI", Roboto, Helvetica, Arial, sans-serif !important; }}
</style>"""


@own_style()
def save_png(path: Path, figure: Figure) -> Path:
    """Write a PNG of 256 colours, which is a third as large as one of all colours and looks the same.

    The same figure gives the same file, bit for bit, with the same versions of matplotlib and Pillow.
    """
    canvas = FigureCanvasAgg(figure)
    figure.set_dpi(DPI)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    with replacing(path) as file:
        image.quantize(256, dither=Image.Dither.NONE).save(file, format="PNG", optimize=True)
    return path


def save_svg(path: Path, figure: Figure, label: str) -> Path:
    """Write an SVG with no background, whose ink is dark on a light page and light on a dark one.

    The same figure gives the same file, bit for bit, with the same version of matplotlib.

    Args:
        path: To write.
        figure: What to draw.
        label: What people who cannot see it are told.
    """
    drawn = svg(figure, path.stem, label)
    width, height = (f"{round(96 * inches)}" for inches in figure.get_size_inches())
    drawn = drawn.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    head, tag, rest = drawn.partition(">")
    with replacing(path) as file:
        file.write_bytes(f"{head}{tag}\n{_OWN_STYLE}{rest}".encode())
    return path


@own_style()
def svg(figure: Figure, name: str, label: str) -> str:
    """Return a figure as an SVG element for an HTML page, as wide as the page lets it be.

    Its letters are text, its ink follows the page's style, its background is the page's, and it asks for
    nothing from elsewhere.

    Args:
        figure: What to draw.
        name: Begins every id, so that several figures can be on one page.
        label: What people who cannot see it are told.
    """
    text = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style.context({"svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    drawn = text.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<style.*?</style>", "", drawn, flags=re.DOTALL)  # would be the whole page's
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", drawn)
    # Hundredths of a point are enough.
    drawn = re.sub(r' d="[^"]*"', lambda path: re.sub(r"(\.\d\d)\d+", r"\1", path[0]), drawn)
    described = f'role="img" aria-label="{html.escape(label)}"'
    drawn = re.sub(r'width="\S+" height="\S+"', lambda size: described, drawn, count=1)
    for ink, property_of_page in _OF_THE_PAGE.items():
        drawn = drawn.replace(ink, property_of_page)
    return drawn
