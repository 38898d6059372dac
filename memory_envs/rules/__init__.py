"""The rulebooks: each task as plain scalar functions on the state of one lane."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba.extending import register_jitable

P = ParamSpec("P")
R = TypeVar("R")


def rule(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that stays ordinary Python, and is compiled into the kernels that call it.

    Inlining is forced because the compiler, left alone, calls some rules instead, which halves the speed of a
    step.
    """
    marked: Callable[P, R] = register_jitable(forceinline=True)(function)
    return marked


def routine(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function as `rule` does, for the compiler to call or inline as it likes.

    Meant for what happens once per episode, or once per call and not per lane: forcing it into every place it
    is named would only make compiling take several times as long.
    """
    marked: Callable[P, R] = register_jitable(function)
    return marked
