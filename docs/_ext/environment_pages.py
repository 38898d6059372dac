"""What the pages of the environments tell from the code: ids, docstring, frame and certificate."""

import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import certificate_tables
import gymnasium
import numpy as np
from PIL import Image

import memory_envs  # noqa: F401  registers the environments
from memory_envs.policies import reference_policy
from memory_envs.registry.envs import ENVS, EnvRow

FRAMES = Path(__file__).parents[1] / "images" / "environments"


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
    """Return the picture that `paint` made of an environment class, as Markdown."""
    return f"![{_shown(class_name)}, half-way through an episode](../images/environments/{class_name}.png)\n"


def paint(folder: Path = FRAMES) -> None:
    """Paint an episode of each environment class, half-way through, unless there is that picture already."""
    folder.mkdir(exist_ok=True)
    for class_name in class_names():
        path, pixels = folder / f"{class_name}.png", half_way(_shown(class_name))
        if not path.exists() or not np.array_equal(np.asarray(Image.open(path)), pixels):
            Image.fromarray(pixels).save(path, optimize=True)


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


def class_names() -> list[str]:
    """Return the environment classes."""
    return sorted({row.entry_point.partition(":")[2] for row in ENVS})


def rows_of(class_name: str) -> list[EnvRow]:
    """Return the registered ids of an environment class.

    Raises:
        ValueError: There are none.
    """
    rows = [row for row in ENVS if row.entry_point.endswith(f":{class_name}")]
    if not rows:
        raise ValueError(f"class must be one of {', '.join(class_names())}, got {class_name!r}")
    return rows


def class_of(class_name: str) -> type:
    """Return an environment class by its name."""
    module, _, name = rows_of(class_name)[0].entry_point.partition(":")
    found: type = getattr(import_module(module), name)
    return found


def _shown(class_name: str) -> str:
    """The id that stands for all of them."""
    return rows_of(class_name)[0].id


GENERATORS: dict[str, Callable[[str], str]] = {
    "ids": ids,
    "docstring": docstring,
    "frame": frame,
    "certificate": certificate,
}
