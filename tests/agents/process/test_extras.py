"""A missing library is answered with the extra that installs it."""

import configparser
import re
import sys

import pytest

from agents.process.extras import EXTRAS, require
from tests.support import ROOT


@pytest.mark.parametrize("library", EXTRAS)
def test_a_missing_library_names_its_extra(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    message = (
        f'painting needs {library}, which is not installed: pip install "memory-envs[{EXTRAS[library]}]"'
    )
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        require(library, "painting")


@pytest.mark.parametrize(("library", "extra"), EXTRAS.items())
def test_each_extra_installs_its_library(library, extra):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert re.search(rf"^{library} >=", setup["options.extras_require"][extra], re.M)


def test_a_library_that_is_there_but_broken_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "onnxruntime.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        require("onnxruntime", "painting")
