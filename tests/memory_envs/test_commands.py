"""Commands as programs: whatever the console, its reader and Ctrl-C do, nobody sees a traceback."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from memory_envs import commands
from memory_envs.commands import run_program
from tests.support.programs import program

SUITE = ("benchmark", "certificate", "dataset", "play", "replay", "survey", "testing")
AGENTS = ("benchmark", "enjoy", "export", "pretrained", "report", "scaling", "train", "zoo")
PROGRAMS = [f"memory_envs.{name}" for name in SUITE] + [f"agents.{name}" for name in AGENTS]
SAMPLE = ("memory_envs.play", "agents.benchmark")
SAMPLE_OR_SLOW = [pytest.param(each, marks=[] if each in SAMPLE else pytest.mark.slow) for each in PROGRAMS]


class Console(io.TextIOWrapper):
    """A console of some encoding, in memory."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding)

    @property
    def shown(self) -> bytes:
        return self.buffer.getvalue()  # type: ignore[attr-defined,no-any-return]


def status_of(main, monkeypatch, console, **how) -> object:
    monkeypatch.setattr(sys, "stdout", console)
    with pytest.raises(SystemExit) as ended:
        run_program(main, **how)
    assert sys.stdout is console
    return ended.value.code


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("ascii", b"-?? \xff"), ("latin-1", b"-\xfc? \xff"), ("utf-8", "-ü─ ".encode() + b"\xff")],
)
def test_a_console_shows_what_it_can(encoding, expected, monkeypatch):
    """The last is a byte of a file's name that is no text."""
    console = Console(encoding)
    assert status_of(lambda: print("-ü─ \udcff", end=""), monkeypatch, console) is None
    assert console.shown == expected


@pytest.mark.parametrize("program_name", SAMPLE_OR_SLOW)
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_help_is_shown_on_every_console(program_name, encoding):
    process = program(program_name, "--help", PYTHONIOENCODING=encoding)
    out, error = process.communicate(timeout=120)
    assert (process.returncode, error) == (0, "")
    assert "usage: " in out.lower()


def test_a_closed_console_is_no_console(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    assert status_of(lambda: print("nobody") or 3, monkeypatch, None) == 3


class Unread(Console):
    """A console that nobody reads any more; `problem` is what its system says of it."""

    def __init__(self, problem: OSError) -> None:
        super().__init__("utf-8")
        self.problem, self.said = problem, []

    def write(self, text):
        self.said.append(text)
        raise self.problem

    def fileno(self):
        return self.nowhere.fileno()


PROBLEMS = [
    BrokenPipeError(32, "Broken pipe"),
    OSError(5, "Input/output error"),
    OSError(28, "No space left"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=str)
def test_who_outlives_its_readers_ends_as_if_somebody_read(problem, monkeypatch, tmp_path):
    done = []

    def main():
        for number in range(3):
            print(number)
            done.append(number)
        return 7

    console = Unread(problem)
    with (tmp_path / "nowhere").open("w") as console.nowhere:
        assert status_of(main, monkeypatch, console, outlives_readers=True) == 7
    assert done == [0, 1, 2]


def test_others_end_where_the_reader_did_and_a_full_disk_is_told(monkeypatch, tmp_path):
    def main():
        try:
            print("line")
        except Exception:
            raise AssertionError("it is taken for a fault of the command") from None

    console = Unread(PROBLEMS[0])
    with (tmp_path / "nowhere").open("w") as console.nowhere:
        assert status_of(main, monkeypatch, console) == commands.UNREAD
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(sys, "stdout", Unread(PROBLEMS[2]))
        run_program(lambda: print("line"))


def test_ctrl_c_has_a_status_and_no_traceback(monkeypatch):
    def main():
        raise KeyboardInterrupt

    assert status_of(main, monkeypatch, Console("utf-8")) == commands.INTERRUPTED


@pytest.mark.skipif(os.name != "posix", reason="pipes break on POSIX")
@pytest.mark.parametrize(
    "arguments",
    [
        ("memory_envs.testing", "MemoryEnvs/IMaze-v0", "--steps", "20"),
        ("memory_envs.certificate", "MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-v0"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_head_ends_a_program_without_a_word(arguments):
    process = program(*arguments, PYTHONUNBUFFERED="1")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == commands.UNREAD


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux how far a process is")
@pytest.mark.parametrize("name", ["agents.train", "memory_envs.certificate"])
def test_ctrl_c_while_a_program_is_imported_prints_nothing(name):
    for _ in range(5):
        process = program(name, "--help")
        maps = Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and "numpy" not in maps.read_text():  # then there is a second to go
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=120)
        if not out:  # on a busy machine it may come too late, behind the imports
            break
    assert (out, error) == ("", "")
    assert process.returncode in (-signal.SIGINT, commands.INTERRUPTED)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (ValueError("no"), "no"),
        (OSError("a word of ours"), "a word of ours"),
        (
            FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.json"),
            "there is no file or folder 'a.json'",
        ),
        (FileNotFoundError(errno.ENOENT, "a word of ours", "a"), "'a' cannot be used: a word of ours"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), "'a' cannot be used: permission denied"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
    ],
    ids=str,
)
def test_errors_of_the_system_are_told_without_numbers(
    problem: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert commands.refused(problem) == commands.REFUSED
    assert capsys.readouterr().err == f"error: {said}\n"
