"""A file is whole or not there, whatever happens while it is written."""

import json
import os
import signal
import stat
import subprocess
import sys

import pytest

from memory_envs.files import replacing, sweep, write_json
from tests.support import ROOT


@pytest.fixture
def path(tmp_path):
    return tmp_path / "table.csv"


def write(path, text):
    with replacing(path) as file:
        file.write_text(text)


def test_the_file_appears_when_the_block_ends(path):
    with replacing(path) as file:
        file.write_text("whole")
        assert not path.exists() and file.parent == path.parent and file.suffix == ".csv"
    assert path.read_text() == "whole"
    write(path, "replaced")
    assert [each.read_text() for each in path.parent.iterdir()] == ["replaced"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("step", ["os.fsync", "os.replace", "the block"])
def test_a_failure_at_any_step_leaves_the_old_file_and_nothing_else(path, monkeypatch, step, error):
    def fail(*_):
        raise error

    write(path, "old")
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        if step != "the block":
            patch.setattr(step, fail)
        with replacing(path) as file:
            file.write_text("new")
            if step == "the block":
                fail()
    assert [each.read_text() for each in path.parent.iterdir()] == ["old"]


@pytest.mark.skipif(os.name != "posix", reason="folders can be synced on POSIX only")
def test_content_is_on_disk_before_its_name_and_its_name_before_the_block_has_ended(path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda file: (events.append(stat.S_ISDIR(os.fstat(file).st_mode)), fsync(file))
    )
    monkeypatch.setattr(os, "replace", lambda *names: (events.append("named"), replace(*names)))
    write(path, "1")
    assert events == [False, "named", True]


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX")
def test_the_file_has_the_permissions_of_any_new_file(path, tmp_path):
    (tmp_path / "other").touch()
    write(path, "1")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write(tmp_path / "nowhere" / "table.csv", "1")


def test_json_comes_back_and_what_json_does_not_know_is_refused(tmp_path):
    write_json(tmp_path / "card.json", {"name": "ü", "scores": [1.5, None]})
    assert json.loads((tmp_path / "card.json").read_text()) == {"name": "ü", "scores": [1.5, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "card.json", {"score": float("nan")})
    assert os.listdir(tmp_path) == ["card.json"] and "NaN" not in (tmp_path / "card.json").read_text()


# Writes half of a file named by the first argument, says so, and sleeps until it is told to go on.
WRITER = """
import sys
from memory_envs.files import replacing

with replacing(sys.argv[1]) as file:
    file.write_text("half")
    print(file.name, flush=True)
    sys.stdin.readline()
"""


def writer(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    return started, path.with_name(started.stdout.readline().strip())


@pytest.mark.skipif(os.name != "posix", reason="files are locked on POSIX only")
def test_what_a_killed_save_left_is_swept_by_the_next_and_one_in_progress_is_not(path):
    (killed, left), (working, unfinished) = writer(path), writer(path.with_name("other.csv"))
    assert left.is_file() and unfinished.is_file()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    mine = [path.with_name(name) for name in (".hidden", f".{'a' * 31}.csv", f".{'A' * 32}.csv", "a.csv")]
    for each in mine:
        each.write_text("mine")
    write(path.with_name("third.csv"), "whole")
    assert not left.exists() and unfinished.is_file() and all(each.is_file() for each in mine)
    working.communicate("\n")
    assert working.returncode == 0 and path.with_name("other.csv").read_text() == "half"
    sweep(path.parent)
    assert not unfinished.exists() and len(list(path.parent.iterdir())) == len(mine) + 2


def test_a_block_that_writes_nothing_replaces_nothing(path):
    write(path, "old")
    with pytest.raises(FileNotFoundError, match="nothing was written"), replacing(path):
        pass
    assert path.read_text() == "old"
    write(path, "")  # which is something
    assert path.read_text() == "" and list(path.parent.iterdir()) == [path]
