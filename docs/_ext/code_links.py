"""On the site, a link that names something of a file of code leads to its place in the reference.

Pages say [`vtrace`](../agents/learning/losses/vtrace.py), which leads to the file wherever files are shown.
"""

import re
from typing import Any

_LINK = re.compile(r"\[`([A-Za-z_][\w.]*)`\]\((?:\.\./)+((?:agents|memory_envs)/[\w/]+)\.py\)")


def linked(source: str) -> str:
    """Return a page whose links to code are references of Sphinx."""
    return _LINK.sub(lambda link: f"{{py:obj}}`{link[1]} <{link[2].replace('/', '.')}.{link[1]}>`", source)


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""

    def on_source_read(app: Any, docname: str, content: list[str]) -> None:
        content[0] = linked(content[0])

    app.connect("source-read", on_source_read)
    return {"parallel_read_safe": True}
