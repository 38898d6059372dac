"""Parameters and moments in memory that the processes of one machine share."""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import tempfile
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

# Bytes: a counter, and where the tensors begin. Torch aligns its own tensors so, and its kernels like it.
_ALIGNMENT = 64


class SharedMemory:
    """A stretch of memory that other processes of this machine can map by a path, and that leaves no trace.

    On Linux it has no name: the path leads through this process, and the memory goes with the last process
    that maps it, however that ends. Elsewhere it is a temporary file, which `close` removes.

    Args:
        size: Bytes.

    Attributes:
        path: Where other processes find it, until `close`.
        bytes: [size] uint8, this process's own view.
    """

    def __init__(self, size: int) -> None:
        self._named = not hasattr(os, "memfd_create")
        if self._named:
            self._file, self.path = tempfile.mkstemp(prefix="memory-envs-")
        else:
            self._file = os.memfd_create("memory-envs parameters")
            self.path = f"/proc/{os.getpid()}/fd/{self._file}"
        os.ftruncate(self._file, size)
        self.bytes = map_memory(self.path)

    def close(self) -> None:
        """Remove the path; processes that have mapped the memory keep it."""
        os.close(self._file)
        if self._named:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def map_memory(path: str) -> Tensor:
    """Return what lies at the path of a `SharedMemory` as [size] uint8, shared and writable.

    Raises:
        OSError: There is nothing, or it belongs to another user.
    """
    file = os.open(path, os.O_RDWR)
    try:
        return torch.frombuffer(mmap.mmap(file, 0), dtype=torch.uint8)
    finally:
        os.close(file)


class ParameterBlock:
    """Where the tensors of a network, and the moments of its optimizer, lie in one stretch of bytes.

    A counter, the parameters and buffers, then the moments: processes that only act need the first part.

    Args:
        network: The actor's.
        optimizer: Adam over its parameters, or None where there are no moments. Moments that do not exist
            yet are created as Adam would create them.

    Attributes:
        buffers: Of the network, by name, as they lie in the memory.
        acting_size: Bytes of counter and parameters.
        size: Bytes of everything.

    Raises:
        ValueError: The optimizer is not Adam, or one of its variants with further moments.
    """

    def __init__(self, network: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        self._network, self.buffers = network, dict(network.named_buffers())
        self._tensors = [*network.parameters(), *self.buffers.values()]
        self.acting_size = _bounds(self._tensors)[-1]
        if optimizer is not None:
            self._tensors += list(_moments(optimizer))
        self.size = _bounds(self._tensors)[-1]

    def move_to(self, memory: Tensor) -> None:
        """Lay the tensors, with their values, into memory [size] uint8; they stay the same objects."""
        for tensor, view in zip(self._tensors, self._views(memory), strict=True):
            view.copy_(tensor.detach())
            tensor.data = view

    def look_into(self, memory: Tensor) -> None:
        """Replace the tensors, and their values, by what lies in memory [size] uint8."""
        for tensor, view in zip(self._tensors, self._views(memory), strict=True):
            tensor.data = view

    def keep_buffers(self) -> None:
        """Write into the memory what the network has put in the place of its buffers (`self.mean = ...`)."""
        for name, found in list(self._network.named_buffers()):
            if found is not (kept := self.buffers[name]):
                kept.copy_(found.detach())
                owner, _, own = name.rpartition(".")
                setattr(self._network.get_submodule(owner), own, kept)

    def _views(self, memory: Tensor) -> Iterator[Tensor]:
        for tensor, start in zip(self._tensors, _bounds(self._tensors)[:-1], strict=True):
            part = memory[start : start + tensor.nbytes]
            yield part.view(tensor.dtype).view(tensor.shape)


def counter(memory: Tensor) -> Tensor:
    """[] int64: the count at the head of a block, of the batches that were made ready for distillation."""
    return memory[:8].view(torch.int64).squeeze(0)


def _bounds(tensors: Sequence[Tensor]) -> list[int]:
    """Where each tensor begins, and where the last one ends with its padding."""
    sizes = (-(-tensor.nbytes // _ALIGNMENT) * _ALIGNMENT for tensor in tensors)
    return list(itertools.accumulate(sizes, initial=_ALIGNMENT))


def _moments(optimizer: torch.optim.Optimizer) -> Iterator[Tensor]:
    if not isinstance(optimizer, (torch.optim.Adam, torch.optim.AdamW)) or optimizer.defaults["amsgrad"]:
        kind = type(optimizer).__name__
        raise ValueError(f"distillers share the two moments of Adam or AdamW, got the optimizer {kind}")
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            state.setdefault("step", torch.zeros((), dtype=torch.float32))
            for name in ("exp_avg", "exp_avg_sq"):
                state.setdefault(name, torch.zeros_like(parameter, memory_format=torch.preserve_format))
            yield from (state[name] for name in ("step", "exp_avg", "exp_avg_sq"))
