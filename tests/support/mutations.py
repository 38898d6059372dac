"""Changes of files as damage and strangers make them: bytes, values in JSON, tensors, cells, graphs."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import torch

ODD: tuple[Callable[[], Any], ...] = (
    *(lambda: None, lambda: True, lambda: False, lambda: 0, lambda: -1, lambda: 3, lambda: 1.5, lambda: -0.0),
    *(lambda: 2**31, lambda: 2**62, lambda: 10**30, lambda: 1e308, lambda: float("nan"), lambda: -1e-9),
    *(lambda: "", lambda: "x", lambda: "0", lambda: "S0", lambda: "U0", lambda: "O", lambda: "\ud800"),
    *(
        lambda: "a:b",
        lambda: "x" * 500,
        lambda: [],
        lambda: {},
        lambda: [[]],
        lambda: {"": None},
        lambda: [1, "2"],
    ),
    *(lambda: {"tensor": "0"}, lambda: {"tuple": []}, lambda: {"int": "0x" + "f" * 400}, lambda: deep(40)),
    *(lambda: deep(400), lambda: ["x"] * 50, lambda: [1e308] * 50, lambda: {"type": "Box"}),
)


def deep(levels: int) -> Any:
    """Lists inside one another."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def changed_bytes(content: bytes, random: Random) -> bytes:
    """Cut, flip, repeat, remove or overwrite some."""
    at, other = (random.randrange(len(content) + 1) for _ in range(2))
    first, last = sorted((at, other))
    changed = bytearray(content)
    way = random.randrange(6)
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:first] + content[last:]
    if way == 2:
        return content[:last] + content[first:]
    if way == 3:
        changed[first:last] = random.randbytes(min(last - first, 64))
        return bytes(changed)
    for _ in range(random.choice((1, 1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Of everything in a tree of dicts, lists and tuples."""
    yield place
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, (list, tuple))
        else ()
    )
    for name, each in items:
        yield from places(each, (*place, name))


def replaced(value: Any, place: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A copy that differs in one place; `change` returns ... to remove it."""
    if not place:
        return change(value)
    first, *rest = place
    inner = replaced(value[first], tuple(rest), change)
    if isinstance(value, dict):
        return {name: each for name, each in (value | {first: inner}).items() if each is not ...}
    items = [*value[:first], inner, *value[first + 1 :]]
    return type(value)(each for each in items if each is not ...)


def changed_tree(tree: Any, random: Random) -> Any:
    """Another value somewhere: removed, odd, scaled, of another place, with more in it, or another tensor."""
    for _ in range(random.choice((1, 1, 2))):
        known = list(places(tree))[1:] or [()]
        place, other = random.choice(known), random.choice(known)
        elsewhere = tree
        for name in other:
            elsewhere = elsewhere[name]
        tree = replaced(tree, place, lambda value, also=elsewhere: _changed(value, also, random))
    return tree


def changed_json(text: str, random: Random) -> str:
    """The text of another value."""
    return json.dumps(changed_tree(json.loads(text), random))


def changed_cells(text: str, random: Random) -> str:
    """A table of comma-separated values with others in it."""
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(random.choice((1, 2, 5))):
        row = random.choice(rows)
        cell = random.randrange(len(row)) if row else 0
        odd = ("", "x", "nan", "inf", "-1", "1e400", "9" * 5000, "\0", '"', "ü", "1,2", "x" * 200_000, "0x10")
        row[cell : cell + random.choice((0, 1, 1, 1, 2))] = [random.choice(odd)]
    return "\n".join(map(",".join, rows)) + "\n"


def _changed(value: Any, elsewhere: Any, random: Random) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray)) and random.random() < 0.8:
        return _other_data(value, random)
    way = random.randrange(5)
    if way == 0:
        return ...
    if way == 1:
        return copy.deepcopy(elsewhere)
    if way == 2 and isinstance(value, dict):
        return value | {random.choice(("x", "", "type", "format")): random.choice(ODD)()}
    if way == 2 and isinstance(value, list):
        return [*value, *value[:1], random.choice(ODD)()]
    if way == 3 and isinstance(value, (int, float)):
        return value * random.choice((-1, 2, 1000, 10**6, 10**9))
    if way == 3 and isinstance(value, str):
        return value[: random.randrange(len(value) + 1)] + random.choice(("", "x", "\n", ":"))
    return random.choice(ODD)()


def _other_data(value: Any, random: Random) -> Any:
    is_array = isinstance(value, np.ndarray)
    try:
        tensor = torch.as_tensor(value)
    except TypeError:  # of a dtype that torch does not know
        return random.choice(ODD)()
    changes: tuple[Callable[[], torch.Tensor], ...] = (
        lambda: tensor.reshape(-1)[:-1],
        lambda: torch.cat([tensor.reshape(-1)] * 2),
        lambda: tensor[None],
        lambda: tensor.reshape(-1)[:0],
        lambda: tensor.to(
            random.choice((torch.float16, torch.float64, torch.int8, torch.bool, torch.complex64))
        ),
        lambda: torch.full_like(tensor, random.choice((0, 1, 2, 100))),
        lambda: tensor.double() * random.choice((float("nan"), float("inf"), 1e300, -1)),
        lambda: (tensor.float() * random.choice((float("nan"), float("inf"), 1e30, -1))).to(tensor.dtype),
    )
    other = random.choice(changes)()
    return other.numpy() if is_array else other
