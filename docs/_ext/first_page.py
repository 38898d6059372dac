"""What the site says of itself to browsers, to search engines and where a link to it is shown.

Where the site and the repository are is not written down here: the builder's environment and git know it.
"""

import html
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DESCRIPTION = (
    "Reinforcement-learning environments in which the worth of memory is computed, not assumed, "
    "and agents that learn to remember. Play one: you see nine cells; can you remember one bit?"
)
STYLES = ("first_page/page.css",)
SCRIPTS = tuple(
    f"first_page/{name}.js" for name in ("data", "rules", "policies", "drawing", "play", "compare")
)
CARD = "_static/first_page/card.png"


def site_address(environment: Mapping[str, str] = os.environ) -> str:
    """Return the address that the site will have, with a slash at its end; empty where nobody said."""
    address = environment.get("READTHEDOCS_CANONICAL_URL") or environment.get("SITE_URL") or ""
    return address and address.rstrip("/") + "/"


def repository_address(environment: Mapping[str, str] = os.environ, folder: Path | None = None) -> str:
    """Return the web page of the repository, from the builder's environment or from git; empty if unknown."""
    server, name = environment.get("GITHUB_SERVER_URL"), environment.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server}/{name}"
    return web_page(environment.get("READTHEDOCS_GIT_CLONE_URL") or _origin(folder or Path(__file__).parent))


def web_page(remote: str) -> str:
    """Return the https address behind the address of a git remote, without names of users; empty if none."""
    found = re.fullmatch(
        r"(?:https?://|ssh://|git://)?(?:[^@/]*@)?([\w-]+(?:\.[\w-]+)+)[:/](.+?)(?:\.git)?/?", remote
    )
    return f"https://{found[1]}/{found[2]}" if found else ""


def head(page: str, title: str, description: str, address: str) -> str:
    """Return the elements that a page adds to its head."""
    told = {
        "og:type": "website",
        "og:site_name": "memory-envs",
        "og:title": title,
        "og:description": description,
    }
    if address:  # what shows a link does not know relative addresses
        told |= {"og:url": f"{address}{page}.html", "og:image": f"{address}{CARD}"}
    lines = [f'<meta name="description" content="{html.escape(description)}">']
    lines += [f'<meta property="{name}" content="{html.escape(text)}">' for name, text in told.items()]
    if address:
        lines.append('<meta name="twitter:card" content="summary_large_image">')
    return "\n".join(lines) + "\n"


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""

    def on_page(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
        title = re.sub("<[^>]*>", "", context.get("title") or "memory-envs")
        description = DESCRIPTION if page == "index" else f"{title}: memory-envs. {DESCRIPTION}"
        context["metatags"] = (context.get("metatags") or "") + head(
            page, title, description, app.config.html_baseurl
        )
        if page == "index":
            for style in STYLES:
                app.add_css_file(style)
            for script in SCRIPTS:
                app.add_js_file(script, loading_method="defer")

    app.connect("html-page-context", on_page)
    return {"parallel_read_safe": True}


def _origin(folder: Path) -> str:
    command = ["git", "config", "--get", "remote.origin.url"]
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout.strip()
    except OSError:  # there is no git
        return ""
