"""Two independent differentiable computations in two threads, forward and backward."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from agents.process import torch_modes

T = TypeVar("T")


class Branch(NamedTuple):
    """A differentiable function of one tensor."""

    run: Callable[[Tensor], Tensor]
    inputs: Tensor
    parameters: Sequence[Tensor]
    """Parameters of `run` that need a gradient."""


def side_by_side(first: Branch, second: Branch) -> tuple[Tensor, Tensor]:
    """Return the results of two branches, each computed in its own thread, as will be its gradients.

    Torch's own threads divide single operations, which pays for large ones only. The LSTMs of actor and
    critic are many small operations and never wait for each other. Results are those of one thread.
    """
    return _SideBySide.apply(
        (first, second), first.inputs, *first.parameters, second.inputs, *second.parameters
    )


class _SideBySide(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, branches: tuple[Branch, Branch], *_: Tensor) -> tuple[Tensor, ...]:
        ctx.branches = branches
        ctx.graphs = _both(*(functools.partial(_graph, branch) for branch in branches))
        return tuple(outputs.detach() for _, outputs in ctx.graphs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        parts = zip(ctx.branches, ctx.graphs, gradients, strict=True)
        first, second = _both(*(functools.partial(_gradients, *part) for part in parts))
        del ctx.graphs
        return None, *first, *second


def _graph(branch: Branch) -> tuple[Tensor, Tensor]:
    """Inputs and outputs of a separate graph, detached from the computation of the inputs."""
    with torch.enable_grad():
        inputs = branch.inputs.detach().requires_grad_(branch.inputs.requires_grad)
        return inputs, branch.run(inputs)


def _gradients(branch: Branch, graph: tuple[Tensor, Tensor], gradient: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients of the inputs, None if they need none, and of the parameters."""
    inputs, outputs = graph
    if inputs.requires_grad:
        return torch.autograd.grad(outputs, (inputs, *branch.parameters), gradient)
    return None, *torch.autograd.grad(outputs, tuple(branch.parameters), gradient)


def _both(first: Callable[[], T], second: Callable[[], T]) -> tuple[T, T]:
    with torch_modes.one_thread():
        later = _second_thread().submit(second)
        return first(), later.result()


@functools.cache
def _second_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "side_by_side", initializer=torch.set_num_threads, initargs=(1,))
