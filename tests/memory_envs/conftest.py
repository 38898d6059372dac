"""The task of the page on adding one, as a user would have it: a module of its own."""

import importlib
import re
from types import ModuleType

import pytest

from tests.support import ROOT


@pytest.fixture(scope="session")
def t_maze(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The T-maze of docs/adding_an_environment.md."""
    page = (ROOT / "docs" / "adding_an_environment.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n# t_maze.py\n(.*?)```", page, re.S)[1]
    folder = tmp_path_factory.mktemp("package")
    (folder / "t_maze_of_the_page.py").write_text(code, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return importlib.import_module("t_maze_of_the_page")
