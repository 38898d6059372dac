"""Processes that descend from one, addresses, and shared memory: to see what is left, and to kill."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def descendants(ancestor: int | None = None) -> dict[int, str]:
    """Command lines of all living processes below one, this one when None, by process number."""
    parents, children = _parents(), {ancestor or os.getpid()}
    size = 0
    while len(children) > size:
        size = len(children)
        children |= {process for process, parent in parents.items() if parent in children}
    return {process: _command(process) for process in children - {ancestor or os.getpid()}}


def workers(kind: str, ancestor: int | None = None) -> list[int]:
    """Numbers of the processes of Ray's actors of a class."""
    return [process for process, line in descendants(ancestor).items() if line.startswith(f"ray::{kind}")]


def ray_session(process: int, but: str = "nothing") -> set[int]:
    """Numbers of all processes of Ray below one, but those whose command line holds a word."""
    lines = descendants(process).items()
    return {number for number, line in lines if "ray" in line and but not in line}


def listening(processes: set[int]) -> set[str]:
    """Addresses on which some processes accept connections from elsewhere, as the kernel writes them."""
    sockets = {
        os.readlink(link)
        for number in processes
        for link in Path(f"/proc/{number}/fd").glob("*")
        if os.path.lexists(link)
    }
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {
        line[1].rpartition(":")[0] for line in lines if line[3] == "0A" and f"socket:[{line[9]}]" in sockets
    }


@contextmanager
def unanswered() -> Iterator[str]:
    """Address of this machine, host:port, at which nothing answers for the length of a block."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


def alive(processes: set[int]) -> set[int]:
    """Those that still run."""
    return {process for process in processes if process in _parents()}


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Return whether something comes to be the case in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
    return condition()


def shared_files() -> set[str]:
    """What lies in the folder that shared memory has a name in."""
    return {path.name for path in Path("/dev/shm").iterdir()}


def _parents() -> dict[int, int]:
    """Parent of each process that is neither dead nor waiting to be buried."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it has ended meanwhile
            continue
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    return parents


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""
