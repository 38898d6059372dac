"""Why a program ended that Ray has ended is said by a process beside it, and where all went well by none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.processes import descendants, wait_until, workers
from tests.support.programs import program
from tests.support.small_run import MAZE, SMALL

# Starts a server and last words about it; what comes then is the argument.
DRIVER = """
import os, signal, subprocess, sys, time
from agents.engines.ray.last_words import LastWords

apart = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], **apart)
words = LastWords({"raylet": server.pid})
kill = lambda: (server.kill(), time.sleep(0.2))
exec(sys.argv[1])
"""


def said_after(ending: str) -> tuple[int, str]:
    """Status and standard error of a driver that ends so."""
    done = subprocess.run([sys.executable, "-c", DRIVER, ending], cwd=ROOT, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_a_driver_that_ends_with_its_server_is_explained() -> None:
    status, said = said_after("kill(); os._exit(1)")
    assert status == 1
    assert said.startswith("error: Ray has ended this program, as servers of it") and said.count("\n") == 1
    assert "raylet, process" in said and "--resume" in said


@pytest.mark.parametrize(
    "ending",
    [
        "words.withdraw(); kill()",
        "words.withdraw(); kill(); os._exit(1)",
        "os.setpgrp(); os.kill(os.getpid(), signal.SIGKILL)",  # the server lives on for a while
    ],
)
def test_other_ends_are_not(ending: str) -> None:
    assert said_after(ending)[1] == ""


@pytest.mark.slow
def test_a_killed_raylet_is_named(tmp_path: object) -> None:
    length = ("--run-dir", f"{tmp_path}/run", "--total-timesteps", "10_000_000", "--engine", "ray")
    process = program("agents.train", *MAZE, *length, *SMALL)
    assert wait_until(lambda: bool(workers("DistillerWorker", process.pid)), 120)
    found = [pid for pid, line in descendants(process.pid).items() if line.split()[0].endswith("/raylet")]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    _, error = process.communicate(timeout=120)
    assert process.returncode != 0 and found
    assert f"raylet, process {found[0]}" in error and error.count("\n") == 1
