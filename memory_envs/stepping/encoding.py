"""Encodings: the forms in which a window of tiles can be handed to the agent."""

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box

from memory_envs.rendering.sprites import Pixels, sprite_table
from memory_envs.rules.settings import check_choice
from memory_envs.stepping.kernels import ONEHOT, RGB, TILES, Pen
from memory_envs.task import Task

OBSERVATIONS = {"onehot": ONEHOT, "tiles": TILES, "rgb": RGB}

LEAST_IMAGE = 36
"""Pixels along the shorter side of an image: the convolutional network of Stable-Baselines3 needs as many."""

_LEAST_CELL = 12  # pixels; with less, shapes cannot be told apart


DTYPES = ("uint8", "float32")
"""Number types of observations."""


def observation_space(task: Task, config: Any, observation: str, dtype: str = "uint8") -> Box:
    """Return the space of one observation in a configuration of a task.

    Raises:
        ValueError: `observation` or `dtype` is unknown.
    """
    check_choice("dtype", dtype, DTYPES)
    written = _written_space(task, config, observation)
    return (
        written
        if dtype == "uint8"
        else Box(written.low.astype(dtype), written.high.astype(dtype), dtype=np.dtype(dtype).type)
    )


def _written_space(task: Task, config: Any, observation: str) -> Box:
    _check(observation)
    cells, tiles, notes = config.view_size**2, task.num_tiles(config), task.rules.NUM_NOTES
    # Vectors where there are no pixels: Stable-Baselines3 would take a window of three dimensions for a
    # picture too small to learn from.
    if observation == "onehot":
        return Box(0, 1, (cells * tiles + notes,), np.uint8)
    if observation == "tiles":
        high = np.array([tiles - 1] * cells + [1] * notes, dtype=np.uint8)
        return Box(np.zeros_like(high), high, dtype=np.uint8)
    cell = cell_pixels(config.view_size)
    side = config.view_size * cell
    return Box(0, 255, (side + (cell // 2 if notes else 0), side, 3), np.uint8)


def new_pen(task: Task, config: Any, observation: str) -> Pen:
    """Return the scratch arrays and sprites with which the kernels write observations.

    Raises:
        ValueError: `observation` is unknown, or pictures are asked for of a task without looks.
    """
    _check(observation)
    no_sprites = np.empty((task.num_tiles(config), 0, 0, 3), dtype=np.uint8)
    return Pen(
        view=np.empty((config.view_size, config.view_size), dtype=np.uint8),
        notes=np.zeros(task.rules.NUM_NOTES, dtype=np.uint8),
        sprites=observed_sprites(task, config) if observation == "rgb" else no_sprites,
        kind=OBSERVATIONS[observation],
    )


def observed_sprites(task: Task, config: Any) -> Pixels:
    """Return the picture of each tile of a configuration in "rgb" observations, uint8 [tiles, cell, cell, 3].

    Raises:
        ValueError: The task has not one look for each tile code.
    """
    if len(task.looks) != task.rules.NUM_TILES:
        raise ValueError(
            f"{task.name} has {task.rules.NUM_TILES} tile codes but {len(task.looks)} looks: give its Task "
            "one memory_envs.rendering.scene.Look for each"
        )
    return sprite_table(task.looks_of(config), cell_pixels(config.view_size))


def cell_pixels(view_size: int) -> int:
    """Return the side of a tile in "rgb" observations, pixels."""
    return max(_LEAST_CELL, math.ceil(LEAST_IMAGE / view_size))


def _check(observation: str) -> None:
    check_choice("observation", observation, tuple(OBSERVATIONS))
