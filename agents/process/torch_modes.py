"""Modes in which torch uses the CPU, each for the length of a block."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch on one thread.

    For networks as small as an actor, sharing the work between threads costs more than it saves.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def denormals_as_zero() -> Iterator[None]:
    """Flush denormal numbers to zero.

    Weights of attention and of V-MPO become this small, and a CPU needs many times longer for each.
    """
    # Torch can set this mode of the CPU but not report it.
    was_on = bool(torch.tensor(1e-40) * 1.0 == 0.0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(was_on)
