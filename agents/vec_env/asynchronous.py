"""Questions to the lanes of an AsyncVectorEnv that do not end them.

A lane in which anything is raised ends its process, and a question for what is not there raises. So
nothing is asked for before it is known to be there.
"""

from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium.vector import AsyncVectorEnv
from stable_baselines3.common.env_util import is_wrapped

_OF_THE_WHOLE = ("reset", "step", "close", "_setattr", "_check_spaces")


def check_alive(env: AsyncVectorEnv) -> None:
    """Check that no lane has ended by an error, of which Gymnasium has told the one who met it.

    Raises:
        RuntimeError: Lanes have; names them.
    """
    if dead := [lane for lane, pipe in enumerate(env.parent_pipes) if pipe is None]:
        raise RuntimeError(
            f"lanes {', '.join(map(str, dead))} of the AsyncVectorEnv have ended by an error and cannot "
            "go on: make it anew"
        )


def call(env: AsyncVectorEnv, name: str, *arguments: Any, **named: Any) -> tuple[Any, ...]:
    """Return what every lane answers: the value of an attribute, or what a method returns.

    Raises:
        AttributeError: There is no such attribute in some lane; all of them go on.
        ValueError: It is a method that the lanes refuse to be asked for one by one.
        RuntimeError: A lane has ended by an error before.
    """
    check_alive(env)
    if name in _OF_THE_WHOLE:
        raise ValueError(f"{name} is for all lanes of an AsyncVectorEnv together: call it on the environment")
    there = env.call("has_wrapper_attr", name)
    if not all(there):
        lanes = [lane for lane, has_it in enumerate(there) if not has_it]
        raise AttributeError(f"lanes {', '.join(map(str, lanes))} have no attribute {name!r}")
    return env.call(name, *arguments, **named)


def lanes_are_wrapped(
    env: AsyncVectorEnv, wrapper_class: type[gymnasium.Wrapper], lanes: list[int]
) -> list[bool]:
    """Return whether lanes are wrapped in a class, by making environments as theirs were made.

    Their own are in other processes, which cannot tell the classes of their wrappers.
    """
    answers: dict[Any, bool] = {}
    for lane in lanes:
        make = env.env_fns[lane]
        if make not in answers:
            twin = make()
            answers[make] = is_wrapped(twin, wrapper_class)
            twin.close()
    return [answers[env.env_fns[lane]] for lane in lanes]
