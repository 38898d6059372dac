"""Fills the pages of the environments from the code: ids, docstring, frame and certificate.

A page says what it wants between two comments, and holds what a reader sees where nothing is generated:

    <!-- docstring: IMazeEnv -->
    The docstring of [`IMazeEnv`](../../memory_envs/imaze.py) has the rest.
    <!-- end -->
"""

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any

import certificate_tables
import gymnasium
from PIL import Image

import memory_envs  # noqa: F401  registers the environments
from memory_envs.policies import reference_policy
from memory_envs.registry.envs import ENVS, EnvRow

FRAMES = Path(__file__).parents[1] / "_build" / "frames"

_MARK = re.compile(r"<!-- (\w+): (\w+) -->\n.*?<!-- end -->\n", re.S)


def expand(source: str) -> str:
    """Return a page with every marked part generated.

    Raises:
        ValueError: A mark asks for something that nobody generates, or for an unknown environment.
    """
    return _MARK.sub(lambda mark: _generate(mark[1], mark[2]) + "\n", source)


def ids(class_name: str) -> str:
    """Return a table of the ids of an environment class."""
    lines = ["| id | settings | time limit | `reward_threshold` |", "|---|---|---|---|"]
    for row in rows_of(class_name):
        with gymnasium.make(row.id) as env:
            limit: Any = env.unwrapped.config.max_steps  # type: ignore[attr-defined]
        settings = ", ".join(f"`{name}={value!r}`" for name, value in row.kwargs.items()) or "defaults"
        lines.append(f"| `{row.id}` | {settings} | {limit} steps | {row.reward_threshold} |")
    return "\n".join(lines) + "\n"


def docstring(class_name: str) -> str:
    """Return the docstring of an environment class, whose sections are those of Gymnasium's own pages."""
    return (inspect.getdoc(class_of(class_name)) or "") + "\n"


def frame(class_name: str) -> str:
    """Paint an episode of the first id, half-way through, and return the image as Markdown."""
    row = rows_of(class_name)[0]
    FRAMES.mkdir(parents=True, exist_ok=True)
    path = FRAMES / f"{class_name}.png"
    Image.fromarray(half_way(row.id)).save(path, optimize=True)
    return f"![{row.id}, half-way through an episode](/_build/frames/{path.name})\n"


def certificate(class_name: str) -> str:
    """Return what memory is worth in the ids of an environment class."""
    return certificate_tables.tables([row.id for row in rows_of(class_name)])


def half_way(env_id: str) -> Any:
    """Return the frame, uint8 [height, width, 3], in the middle of a well played episode."""
    with gymnasium.make(env_id, render_mode="rgb_array") as env:
        policy = reference_policy("perfect_memory", env)
        frames, ended = [], False
        observation, _ = env.reset(seed=0)
        policy.reset()
        while not ended:
            frames.append(env.render())
            observation, _, terminated, truncated, _ = env.step(policy(observation))
            ended = terminated or truncated
    return frames[len(frames) // 2]


def rows_of(class_name: str) -> list[EnvRow]:
    """Return the registered ids of an environment class.

    Raises:
        ValueError: There are none.
    """
    rows = [row for row in ENVS if row.entry_point.endswith(f":{class_name}")]
    if not rows:
        known = sorted({row.entry_point.partition(":")[2] for row in ENVS})
        raise ValueError(f"class must be one of {', '.join(known)}, got {class_name!r}")
    return rows


def class_of(class_name: str) -> type:
    """Return an environment class by its name."""
    module, _, name = rows_of(class_name)[0].entry_point.partition(":")
    found: type = getattr(import_module(module), name)
    return found


def sources(source: str) -> Iterable[str]:
    """Yield the files that the generated parts of a page are made from."""
    for mark in _MARK.finditer(source):
        yield inspect.getsourcefile(class_of(mark[2])) or ""


def _generate(part: str, class_name: str) -> str:
    if part not in GENERATORS:
        raise ValueError(f"a page may ask for {', '.join(GENERATORS)}, got {part!r}")
    return GENERATORS[part](class_name)


GENERATORS: dict[str, Callable[[str], str]] = {
    "ids": ids,
    "docstring": docstring,
    "frame": frame,
    "certificate": certificate,
}


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""

    def on_source_read(app: Any, docname: str, content: list[str]) -> None:
        for path in sources(content[0]):
            app.env.note_dependency(path)
        content[0] = expand(content[0])

    app.connect("source-read", on_source_read)
    return {"parallel_read_safe": True}
