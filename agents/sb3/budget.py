"""A network that is built from a file may not be larger than the file.

The parameters of a saved network are in its file, each as a tensor. So a description that leads to more
parameters than the file has numbers, or to more of them than it has tensors, is not what was saved. That is
noticed while the network is built, before the memory that is too much is asked for.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode

from memory_envs.registry.limits import MAX_SCRATCH

# Beside parameters, initialising one takes a copy or two of it, and there may be copies of whole networks.
_COPIES = 8
# Numbers and tensors of a network that is small enough to build whatever the file holds, and to be told then
# which part of it is missing.
_SMALL = 2**20, 2**10
# Functions of torch by the position of the size in their arguments; the size may also be many arguments.
_MAKING = {
    **dict.fromkeys(("empty", "zeros", "ones", "rand", "randn", "full"), 0),
    **dict.fromkeys(("new_empty", "new_zeros", "new_ones", "new_full"), 1),
}
_ALIKE = ("empty_like", "zeros_like", "ones_like", "full_like", "clone")


class TooLarge(ValueError):
    """A description asks for more than the file that it is in could hold."""


@contextlib.contextmanager
def no_larger_than(tree: Any) -> Iterator[None]:
    """Refuse to build a network, unless it is a small one, of more parameters than a tree has.

    Args:
        tree: The content of the file.

    Raises:
        TooLarge: In the block, where it goes beyond.
    """
    numbers, tensors = map(max, _extent(tree), _SMALL)
    counted: dict[int, Tensor] = {}  # kept, so that no two have one id
    held = 0

    def count(module: torch.nn.Module, name: str, parameter: Tensor | None) -> None:
        nonlocal held
        if parameter is None or id(parameter) in counted:
            return
        counted[id(parameter)] = parameter
        held += parameter.numel()
        if held > numbers or len(counted) > tensors:
            raise TooLarge(
                f"it describes a network of more than {numbers:,} numbers or {tensors:,} tensors, which the "
                "file does not hold"
            )

    hook = register_module_parameter_registration_hook(count)
    try:
        with _Allocations(_COPIES * numbers + MAX_SCRATCH):
            yield
    finally:
        hook.remove()


class _Allocations(TorchFunctionMode):
    """Refuses a tensor before it is made, once all of them together would have more than `limit` numbers."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = self.left = limit

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        self.left -= _asked(getattr(func, "__name__", ""), args, kwargs)
        if self.left < 0:
            raise TooLarge(f"it describes a network that takes more than {self.limit:,} numbers to build")
        return func(*args, **kwargs)


def _asked(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """How many numbers a call of torch asks for, of those that networks are made with."""
    if name in _ALIKE and args and isinstance(args[0], Tensor):
        return args[0].numel()
    if name not in _MAKING:
        return 0
    size = kwargs.get("size", args[_MAKING[name] :])
    if len(size) >= 1 and isinstance(size[0], (tuple, list, torch.Size)):
        size = size[0]
    return math.prod(int(length) for length in size if isinstance(length, (int, np.integer)))


def _extent(tree: Any) -> tuple[int, int]:
    """How many numbers and tensors there are in a tree."""
    if isinstance(tree, (Tensor, np.ndarray)):
        return math.prod(tree.shape), 1
    inside = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, (list, tuple)) else ()
    found = [_extent(each) for each in inside]
    return sum(numbers for numbers, _ in found), sum(tensors for _, tensors in found)
