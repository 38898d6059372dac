"""Programs of these packages in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.support import ROOT


def heed_interrupts() -> None:
    """A shell would do the same; a process that was begun in the background ignores Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def program(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="latin-1",
        preexec_fn=heed_interrupts,  # noqa: PLW1509
    )
