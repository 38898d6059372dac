"""The checks of an id as a list: `python -m memory_envs.testing MemoryEnvs/IMaze-v0`.

Leaks and endless reward are not among them: they need to be told what must be remembered.
"""

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import gymnasium
from gymnasium.utils import EzPickle
from gymnasium.vector import AutoresetMode

from memory_envs.commands import add_env_kwargs, run_program
from memory_envs.registry import json_text
from memory_envs.testing import (
    check_api,
    check_buffers,
    check_copies,
    check_determinism,
    check_rendering,
    check_state,
    check_vector,
    has_state,
)
from memory_envs.testing.source import Source

_LANES = 4


class Item(NamedTuple):
    """One line of the list.

    Attributes:
        name: What is checked.
        run: Raises when it fails; None where the check does not apply.
        reason: Why it does not.
    """

    name: str
    run: Callable[[], object] | None
    reason: str = ""


def items(
    env_id: str, steps: int, seed: int, kwargs: dict[str, Any], ignored_warnings: Sequence[str]
) -> Iterator[Item]:
    """Yield the checks of an id.

    Raises:
        gymnasium.error.Error: There is no such id, or it cannot be made with these settings.
    """
    native_modes = Source.of(env_id, kwargs).native_modes()
    plain: dict[str, Any] = {"seed": seed, "kwargs": kwargs}
    common = plain | {"steps": steps}

    def item(name: str, check: Callable[..., object], **arguments: Any) -> Item:
        return Item(name, functools.partial(check, env_id, **arguments))

    yield item("api", check_api, ignored_warnings=ignored_warnings, **common)
    yield _copies(env_id, common)
    yield item("determinism", check_determinism, **common)
    yield item("buffers", check_buffers, **common)
    yield item("rendering", check_rendering, **plain)
    stateful = has_state(env_id, kwargs)
    missing = "no get_state() and set_state()"
    yield item("state", check_state, **plain) if stateful else Item("state", None, missing)
    for mode in AutoresetMode:
        lanes = {"num_envs": _LANES, "autoreset_mode": mode, "seed": seed, "kwargs": kwargs}
        yield item(f"vector, {mode.value}, async", check_vector, steps=steps, kinds=["async"], **lanes)
        name = f"vector, {mode.value}, native"
        if mode not in native_modes:
            yield Item(name, None, "no vector environment of its own in this mode")
            continue
        yield item(name, check_vector, steps=steps, kinds=["native"], **lanes)
        yield item(f"{name}: buffers", check_buffers, steps=steps, **lanes)
        if stateful:
            yield item(f"{name}: state", check_state, **lanes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks and print a line for each; return 0 if none failed, 1 if one did, 2 for a bad id."""
    options = _parser().parse_args(arguments)
    # Nobody wants a dozen windows; whoever does has set the variable.
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    try:
        settings = options.env_kwargs | dict(options.set)
        chosen = list(items(options.id, options.steps, options.seed, settings, options.ignore_warning))
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as problem:
        print(f"{options.id} cannot be made: {problem}", file=sys.stderr)
        return 2
    failed = sum(_run(item) for item in chosen)
    print(f"{failed} of {len(chosen)} checks failed" if failed else "all checks passed")
    return 1 if failed else 0


def _copies(env_id: str, common: dict[str, Any]) -> Item:
    with closing(Source.of(env_id, common["kwargs"]).make()) as env:
        if isinstance(env.unwrapped, EzPickle):
            return Item("copies", None, "EzPickle: copies begin anew")
    return Item("copies", functools.partial(check_copies, env_id, **common))


def _run(item: Item) -> bool:
    """Print the line of a check; return whether it failed."""
    if item.run is None:
        print(f"  -   {item.name}: {item.reason}", flush=True)
        return False
    start = time.perf_counter()
    try:
        item.run()
    except Exception as problem:  # one that raises has failed, and the list goes on
        print(f" FAIL {item.name}: {type(problem).__name__}: {problem}", flush=True)
        return True
    print(f"  ok  {item.name} ({time.perf_counter() - start:.1f} s)", flush=True)
    return False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m memory_envs.testing", description=__doc__)
    parser.add_argument(
        "id", help='registered id, with its module where it must be imported: "module:Name-v0"'
    )
    parser.add_argument("--steps", type=_positive, default=300, help="calls of each play (default: 300)")
    parser.add_argument("--seed", type=int, default=0, help="seeds environments and actions (default: 0)")
    add_env_kwargs(parser)
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting, JSON or text; counts before --env-kwargs",
    )
    parser.add_argument(
        "--ignore-warning",
        action="append",
        default=[],
        metavar="REGEX",
        help="a warning of Gymnasium's checker that may come",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def _setting(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    try:
        return name, json_text.read(value)
    except json_text.MalformedJson:
        return name, value


if __name__ == "__main__":
    run_program(main)
