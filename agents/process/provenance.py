"""What produced a result: code, libraries, machine."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

MOMENT = 0.3
"""Seconds that are looked for idle cores."""
ROOT = Path(__file__).parents[2]
LIBRARIES = ("memory-envs", "gymnasium", "numba", "numpy", "sb3-contrib", "stable-baselines3", "torch")


def provenance() -> dict[str, Any]:
    """Return versions, git revision and machine as plain JSON-able values; None where unknown."""
    return {
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "git": _revision(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": available_cores(),
    }


def available_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def idle_cores() -> int:
    """Return how many of the cores this process may use do nothing; looks for a moment, the first time."""
    busy = psutil.cpu_percent(MOMENT, percpu=True)
    mine = psutil.Process().cpu_affinity() if hasattr(psutil.Process, "cpu_affinity") else range(len(busy))
    # The odd percent of other programs does not count: a core is idle if it mostly is.
    return int(sum(1 - busy[core] / 100 for core in mine if core < len(busy)) + 0.3)


def allowed_threads() -> int | None:
    """Return how many threads OMP_NUM_THREADS allows numerical libraries; None where it is not set."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else None


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _revision() -> str | None:
    """The commit, with "-dirty" behind it if files differ; None outside a checkout of this repository."""
    if not (ROOT / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    # Git's own variables lead elsewhere while a hook of another repository runs.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _processor() -> str | None:
    """The name of the processor, which Linux keeps in a file and `platform` does not look up."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or None
