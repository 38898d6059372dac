"""Commands name the interpreter as one would type it."""

import sys
from pathlib import Path

from agents.process.interpreter import python_command


def test_the_interpreter_is_relative_below_the_working_directory_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my env" / "python"))
    monkeypatch.chdir(tmp_path)
    assert python_command("agents.train") == "'my env/python' -m agents.train"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert python_command("x") == f"'{Path(tmp_path, 'my env/python')}' -m x"
