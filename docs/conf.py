"""Settings of the documentation; `make docs` builds it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
# The packages of this checkout are documented, whichever are installed; and the extension lies beside this file.
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

from memory_envs import __version__  # noqa: E402

project = "memory-envs"
author = "The memory-envs authors"
release = version = __version__
project_copyright = author

extensions = [
    "environment_pages",
    "docstrings",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "images", "results/*"]

myst_heading_anchors = 3

# Docstrings put code between single backticks, as Markdown does.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "memory-envs"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "github-dark"
