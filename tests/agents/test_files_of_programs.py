"""Files that programs are to read or to write: what is wrong with them is said at once, in a sentence."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

# A program, its arguments before the file, and what takes long in it.
WRITERS = {
    "agents.enjoy": (["--pretrained", "imaze/ald", "--gif"], "watch"),
    "agents.export": (["nowhere", "--out"], "load_model"),
    "agents.report": (["nowhere", "--out"], "find_runs"),
    "agents.scaling": (["measure", "--out"], "import_ray"),
    "memory_envs.benchmark": (["--json"], "measure"),
    "memory_envs.certificate": (["MemoryEnvs/IMaze-v0", "--json"], "certify"),
    "memory_envs.replay": (["nowhere.json", "--gif"], "Replay"),
}
READERS = {
    "agents.enjoy": ["{}"],
    "agents.export": ["{}"],
    "agents.report": ["{}"],
    "agents.pretrained": ["{}"],
    "agents.scaling": ["bound", "{}"],
    "agents.train": ["--resume", "{}"],
    "memory_envs.replay": ["{}"],
}


def run(program: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    name = f"{program}.__main__" if program not in ("agents.train", "memory_envs.benchmark") else program
    monkeypatch.setattr("sys.argv", [program, *arguments])
    return importlib.import_module(name).main()


@pytest.mark.parametrize("where", ["no/such/file.gif", "file/file.gif", "folder.gif"])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(
    name: str, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, long = WRITERS[name]

    def not_reached(*arguments: Any, **named: Any) -> Any:
        raise AssertionError(f"{long} was called")

    module = f"{name}.__main__" if name != "memory_envs.benchmark" else name
    monkeypatch.setattr(f"{module}.{long}", not_reached)
    (tmp_path / "file").touch()
    (tmp_path / "folder.gif").mkdir()
    assert run(name, [*arguments, str(tmp_path / where)], monkeypatch) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and str(tmp_path / where) in said[0] and "Errno" not in said[0]
    assert arguments[-1].strip("-") in said[0]


@pytest.mark.parametrize("name", READERS)
def test_a_file_that_is_not_there_is_named_in_a_sentence(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "nope.json")
    assert run(name, [each.format(missing) for each in READERS[name]], monkeypatch) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and missing in said[0] and "Errno" not in said[0]
    assert said[0].startswith("error: ") and " no " in said[0] or "not a" in said[0]


def test_a_folder_is_no_replay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("memory_envs.replay", [str(tmp_path)], monkeypatch) == 2
    assert capsys.readouterr().err == f"error: {str(tmp_path)!r} cannot be used: is a directory\n"
