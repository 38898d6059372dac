"""Settings of the documentation; `make docs` builds it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The packages of this checkout are documented, whichever are installed; the extensions lie beside this file.
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from first_page import repository_address, site_address  # noqa: E402

from memory_envs import __version__  # noqa: E402

project = "memory-envs"
author = "The memory-envs authors"
release = version = __version__
project_copyright = f"{author}. MIT licence"

extensions = [
    "first_page",
    "code_links",
    "docstrings",
    "served_reports",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "images", "results/*/**"]

myst_heading_anchors = 3
# A block that names no language is a picture, a command or an output.
highlight_language = "text"

# Docstrings put code between single backticks, as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
add_module_names = False
python_maximum_signature_line_length = 110
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "memory-envs"
html_favicon = "_static/favicon.svg"
html_baseurl = site_address()
html_theme_options = {
    "light_css_variables": {"code-font-size": "var(--font-size--small--3)"},
    "dark_css_variables": {"code-font-size": "var(--font-size--small--3)"},
}
if repository := repository_address():
    link = {"name": "Repository", "url": repository, "html": "Repository", "class": ""}
    html_theme_options["footer_icons"] = [link]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
