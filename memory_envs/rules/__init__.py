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
