"""A terminal sends keys, is taken over, and is given back however the game ends."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from memory_envs.play.terminal import Terminal, key_names
from memory_envs.replay import Replay
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT
from tests.support.programs import heed_interrupts

ENV = "MemoryEnvs/IMaze-v0"


SHORT = '{"max_episode_steps": 3}'


@pytest.mark.parametrize(
    "sent, names",
    [
        ("a", ["a"]),
        ("W", ["w"]),
        ("\x1b[D\x1b[C", ["left", "right"]),
        ("\x1bOAw\x1b[B", ["up", "w", "down"]),
        ("\x1b", ["escape"]),
        ("\x1b[Z", ["unknown"]),
        ("\x1b[1;2D", ["left"]),
        ("\x1b[1;5Cw", ["right", "w"]),
        ("\x1b[3~\x1b[24;5~a", ["unknown", "unknown", "a"]),
        ("\x1bOPd", ["unknown", "d"]),
        ("\x1b[<0;10;20M", ["unknown"]),
        ("", ["quit"]),
    ],
)
def test_what_a_terminal_sends_is_read_as_keys(sent, names):
    assert key_names(sent) == names


class Pty:
    """The command in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        import termios

        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "memory_envs.play", *arguments],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            preexec_fn=heed_interrupts,  # noqa: PLW1509
        )
        self.output = ""

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, pattern: str) -> None:
        ending = time.monotonic() + 30
        while not re.search(pattern, self.output):
            assert time.monotonic() < ending, f"{pattern!r} was not shown in {self.output!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 65536).decode()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def attributes(self):
        import termios

        return termios.tcgetattr(self.slave)

    def finish(self) -> int:
        code = self.process.wait(timeout=60)
        while select.select([self.master], [], [], 0.1)[0]:
            self.output += os.read(self.master, 65536).decode()
        assert self.attributes() == self.before
        assert self.output.rindex("\x1b[?1049l") > self.output.rindex("\x1b[?1049h")
        assert self.output.rindex("\x1b[?25h") > self.output.rindex("\x1b[?25l")
        return code


@pytest.fixture
def terminal():
    """A function that runs the command in a terminal; what still runs at the end is killed."""
    started = []

    def start(*arguments):
        started.append(Pty(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def test_a_terminal_plays_with_raw_keys_and_is_given_back(terminal, tmp_path):
    terminal = terminal(ENV, "--ansi", "--seed", "3", "--out", str(tmp_path), "--env-kwargs", SHORT)
    terminal.wait_for("step 0/3 [^~]*quit")
    assert terminal.attributes() != terminal.before
    terminal.press("w")
    terminal.wait_for("step 1/3")
    terminal.press("\x1b[D")
    terminal.wait_for("step 2/3")
    terminal.press("d")
    terminal.wait_for("has ended")
    terminal.press("q")
    assert terminal.finish() == 0
    assert "1 episodes, mean score 0.000" in terminal.output
    assert "cue, goal" not in terminal.output and "memory:" not in terminal.output
    assert Replay.load(tmp_path / "IMaze-v0-0001.json").actions == (FORWARD, TURN_LEFT, TURN_RIGHT)


def test_a_terminal_is_given_back_however_the_game_ends(terminal, tmp_path):
    codes = {signal.SIGINT: 0, signal.SIGTERM: 128 + signal.SIGTERM, signal.SIGHUP: 128 + signal.SIGHUP}
    # They begin side by side, which is what takes the time.
    terminals = {how: terminal(ENV, "--ansi", "--full-view", "--out", str(tmp_path)) for how in codes}
    for how, each in terminals.items():
        each.wait_for("step 0/150 [^~]*quit")
        assert "cue, goal" in each.output
        each.process.send_signal(how)
    assert {how: each.finish() for how, each in terminals.items()} == codes


def test_a_signal_just_before_keys_are_waited_for_is_not_missed(monkeypatch):
    """Python's handlers run between its own instructions: what comes behind the last wakes select()."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdin", os.fdopen(theirs, "r"))
    monkeypatch.setattr(sys, "stdout", os.fdopen(os.dup(theirs), "w"))
    waits = []

    def waiting(files, *others):
        if not waits:
            wakeup = signal.set_wakeup_fd(-1)
            os.write(wakeup, bytes([signal.SIGTERM]))  # as Python does when the signal arrives
            signal.set_wakeup_fd(wakeup)
        else:
            os.write(ours, b"q")
        waits.append(files)
        return wait(files, [], [], 10)

    wait = select.select
    with Terminal() as terminal:
        monkeypatch.setattr(select, "select", waiting)
        assert terminal.keys() == ["q"]
    assert len(waits) == 2
    assert signal.set_wakeup_fd(-1) == -1
    os.close(ours)
