"""Writes what the first page holds besides its text: `python docs/_ext/first_page_data.py`.

All of it comes from the package: the weights of the actor that ships, the sprites of the environments, and a
policy without memory, which the certificate's search finds. A test checks that it is what is committed.
"""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from agents import pretrained
from agents.report.artwork import COLUMNS, sheet
from memory_envs.imaze import TASK
from memory_envs.policies.computed import best_table
from memory_envs.rules import imaze, maze

ACTOR = "imaze/ald"
SIZES = range(7, 32, 2)
"""Sizes of the mazes on the page."""

CELL, SHOWN = 96, ("lit", "dimmed", "east", "south", "west", "north", "own")
FILE = Path(__file__).parents[1] / "_static" / "first_page" / "data.js"

Windows = dict[str, int]


def data() -> dict[str, Any]:
    """Return what the scripts of the page read."""
    return {"actor": actor(), "memoryless": memoryless_tables(), "sheet": sprites()}


def text(found: dict[str, Any]) -> str:
    """Return the script that holds it."""
    told = "// Written by docs/_ext/first_page_data.py: change what it reads, not this."
    return f"{told}\nconst FIRST_PAGE = {json.dumps(found, separators=(',', ':'))};\n"


def actor() -> dict[str, Any]:
    """Return the shipped actor: its sizes, and its weights in the order in which the page reads them."""
    weights = pretrained.load(ACTOR).state_dict()
    lstm = {
        name: weights[f"lstm_actor.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    head = weights["action_net.weight"], weights["action_net.bias"]
    layers = lstm["weight_ih"], lstm["weight_hh"], lstm["bias_ih"] + lstm["bias_hh"], *head
    numbers = np.concatenate([each.numpy().ravel() for each in layers]).astype("<f4")
    actions, units = head[0].shape
    return {
        "inputs": int(lstm["weight_ih"].shape[1]),
        "units": int(units),
        "actions": int(actions),
        "weights": base64.b64encode(numbers.tobytes()).decode(),
    }


def sprites() -> dict[str, Any]:
    """Return the environments' own sprites on a sheet, a row per tile code, as `Image` data of 64 colours."""
    looks = TASK.looks_of(imaze.configure())
    pixels = sheet(looks, CELL).reshape(len(looks) * CELL, len(COLUMNS), CELL, 3)
    chosen = pixels[:, [COLUMNS.index(column) for column in SHOWN]].reshape(len(pixels), -1, 3)
    file = io.BytesIO()
    Image.fromarray(chosen).quantize(64, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    uri = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return {"uri": uri, "cell": CELL, "columns": SHOWN, "names": [look.name for look in looks]}


def memoryless_tables() -> dict[int, Windows]:
    """Return, by size, a best policy without memory: the action at each window in which no cue B is.

    At a window that shows cue B it acts as at the one with cue A, and so goes the same way for both. The
    table of a size serves all larger ones up to the next.
    """
    tables: dict[int, Windows] = {}
    for size in SIZES:
        if not tables or not _serves(tables[max(tables)], size):
            tables[size] = _table(size)
    return tables


def walk(config: imaze.Config, cue: int, heading: int, act: Callable[[str], int]) -> list[imaze.State]:
    """Return the states of an episode of a policy that sees tile codes as a string of digits."""
    state, view = imaze.first_state(config, cue, heading), np.zeros((config.view_size,) * 2, np.uint8)
    states = [state]
    while not imaze.has_ended(config, state):
        imaze.observe(config, state, view)
        state = imaze.transition(config, state, act(digits(view)))[0]
        states.append(state)
    return states


def digits(view: NDArray[np.uint8]) -> str:
    """Return tile codes as a string."""
    return "".join(map(str, view.ravel().tolist()))


def without_cue(window: str, shown: int = maze.CUE_A) -> str:
    """Return a window in which either cue is the one shown."""
    return window.replace(str(maze.CUE_A), str(shown)).replace(str(maze.CUE_B), str(shown))


def _table(size: int) -> Windows:
    # The search's policy goes to the goal of one of the cues: what it does there, ours does for both.
    found = {
        digits(np.frombuffer(key, np.uint8)): action
        for key, action in best_table(TASK, imaze.configure(size=size)).items()
    }
    for cue in (maze.CUE_A, maze.CUE_B):
        table = {
            without_cue(window): found[without_cue(window, cue)]
            for window in sorted(found)
            if without_cue(window, cue) in found
        }
        if _serves(table, size):
            return table
    raise AssertionError(f"no policy without memory for size {size}")


def _serves(table: Windows, size: int) -> bool:
    config = imaze.configure(size=size)
    try:
        ends = [
            walk(config, cue, heading, lambda window: table[without_cue(window)])[-1].outcome
            for heading in range(4)
            for cue in range(2)
        ]
    except KeyError:
        return False
    return ends.count(1) == ends.count(-1) == 4


def main() -> None:
    """Write the script."""
    FILE.write_text(text(data()), encoding="utf-8")
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
