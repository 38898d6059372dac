"""Paints the pictures of the first page: `python docs/_ext/first_page_images.py`.

With `--measure` it certifies MiniGrid's Memory tasks anew, which needs minigrid and a minute.
"""

import importlib.util
import json
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from agents import pretrained
from agents.figures.style import own_style
from memory_envs import certify
from memory_envs.imaze import LOOKS
from memory_envs.policies import reference_policy
from memory_envs.rendering.sprites import agent_over, sprite
from memory_envs.rendering.video import write_gif
from memory_envs.rules import imaze
from memory_envs.rules.grid import EAST, NORTH, SOUTH

DOCS = Path(__file__).parents[1]
IMAGES = DOCS / "_static" / "gallery"
MEASURED = DOCS / "minigrid_memory.json"
EXAMPLE = DOCS.parent / "examples" / "certify_minigrid.py"
WIDTH, PACE, VIEW_CELL = 256, 6, 64

Pixels = NDArray[np.uint8]


class Exhibit(NamedTuple):
    """An animation of the gallery.

    Attributes:
        name: Of its files.
        env_id: What is played.
        settings: Of the environment.
        actor: The trained actor that plays; the reference policy with perfect memory when empty.
        steps: Frames at most.
    """

    name: str
    env_id: str
    settings: dict[str, Any] = {}
    actor: str = ""
    steps: int = 150


GALLERY = (
    Exhibit("imaze", "MemoryEnvs/IMaze-v0", actor="imaze/ald"),
    Exhibit("imaze-15x15", "MemoryEnvs/IMaze-15x15-v0", actor="imaze-15x15/ald"),
    Exhibit("imaze-31x31", "MemoryEnvs/IMaze-31x31-v0"),
    Exhibit("imaze-center", "MemoryEnvs/IMaze-v0", {"start": "center", "delay": 10}),
    Exhibit("meta-fetch", "MemoryEnvs/MetaFetch-v0", actor="meta-fetch/vtrace-lstm", steps=90),
    Exhibit("meta-fetch-4", "MemoryEnvs/MetaFetch-4-v0", steps=90),
)


def frames(exhibit: Exhibit) -> Iterator[Pixels]:
    """Yield the frames, uint8 [height, width, 3], of the first episode of seed 0."""
    look = {"render_mode": "rgb_array", "render_view": "room", "render_panel": False}
    with gymnasium.make(exhibit.env_id, **exhibit.settings, **look) as env:
        act = _acting(exhibit.actor) if exhibit.actor else reference_policy("perfect_memory", env)
        observation, _ = env.reset(seed=0)
        yield env.render()
        for _ in range(exhibit.steps):
            observation, _, terminated, truncated, _ = env.step(act(observation))
            yield env.render()
            if terminated or truncated:
                return


def _acting(name: str) -> Any:
    policy, memory = pretrained.load(name), None

    def act(observation: Any) -> int:
        nonlocal memory
        start = np.array([memory is None])
        action, memory = policy.predict(observation, memory, start, deterministic=True)
        return int(action)

    return act


def stem_view(cue: int) -> Pixels:
    """Return what the agent of 9x9 I-Maze sees where the stem comes near the lower bar, looking down it."""
    return _view(imaze.first_state(imaze.configure(), cue, SOUTH)._replace(row=5, column=4), VIEW_CELL)


def _view(state: imaze.State, cell: int) -> Pixels:
    view = np.zeros((3, 3), np.uint8)
    imaze.observe(imaze.configure(), state, view)
    tiles = [[sprite(LOOKS[tile], cell) for tile in row] for row in view.tolist()]
    tiles[-1][1] = agent_over(tiles[-1][1], NORTH)
    return np.concatenate([np.concatenate(row, axis=1) for row in tiles])


def minigrid_view(codes: Sequence[str]) -> str:
    """Return the kinds of objects in an image of MiniGrid, seen from below, as SVG in MiniGrid's manner."""
    side, parts = len(codes), []
    for y, row in enumerate(codes):
        for x, code in enumerate(row):
            fill = {"0": "#161924", "2": "#6b7080"}.get(code, "#000")
            parts.append(f'<rect x="{x}" y="{y}" width="1" height="1" fill="{fill}" stroke="#3a3f4e"/>')
            shape = {"5": _KEY, "6": _BALL}.get(code, "")
            parts.append(shape and f'<g transform="translate({x} {y})" fill="#2fd35b">{shape}</g>')
    agent = f'<path d="M{side / 2} {side - 0.88}l.36 .76h-.72z" fill="#e23f3f"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" stroke-width=".03">'
        f"{''.join(parts)}{agent}</svg>\n"
    )


_BALL = '<circle cx=".5" cy=".5" r=".32"/>'
_KEY = (
    '<path fill-rule="evenodd" d="M.5 .1a.2 .2 0 0 1 .07 .387V.88h-.22v-.1h.08v-.1h-.08v-.1h.08V.487'
    'A.2 .2 0 0 1 .5 .1zm0 .1a.1 .1 0 1 0 0 .2a.1 .1 0 0 0 0-.2z"/>'
)


def measured() -> dict[str, Any]:
    """Certify MiniGrid's Memory tasks: successes without memory, and what gives the question away."""
    example = load_example()
    found = {}
    for env_id in example.IDS:
        certificate = certify(example.MiniGridMemory(env_id), name=env_id)
        found[env_id] = {
            "memoryless": round(certificate.memoryless.success.lower, 4),
            "deterministic": certificate.deterministic.success.upper,
            "leaks": [
                {"question": str(leak.question), "kinds": kinds_in(leak.picture)}
                for leak in certificate.leaks
            ],
        }
    return found


def kinds_in(picture: str) -> list[str]:
    """Return the kinds of objects in an image that the example has written as text, a digit each."""
    return ["".join(line.split()) for line in picture.splitlines()]


def load_example() -> Any:
    """Return examples/certify_minigrid.py as a module."""
    spec = importlib.util.spec_from_file_location("certify_minigrid", EXAMPLE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import_module("minigrid")  # registers the ids
    return module


def leaking_views() -> dict[str, str]:
    """Return, by the kind asked for, one view of MemoryS7 with the clue and both choices, as SVG."""
    leaks = json.loads(MEASURED.read_text(encoding="utf-8"))["MiniGrid-MemoryS7-v0"]["leaks"]
    choices = leaks[0]["kinds"][-1]
    return {each["question"]: minigrid_view(each["kinds"]) for each in leaks if each["kinds"][-1] == choices}


@own_style()
def card() -> Pixels:
    """Return the picture that is shown with a link to the site, 1200 x 630 pixels."""
    figure = Figure(figsize=(12, 6.3), dpi=100, facecolor="#161924")
    view = _view(imaze.first_state(imaze.configure(), 0, EAST)._replace(column=5), 160)
    axes = figure.add_axes((0.06, 0.12, 0.76 * 6.3 / 12, 0.76))
    axes.imshow(view)
    axes.axis("off")
    words = {"color": "#e2e6f0", "ha": "left", "va": "top", "fontfamily": "DejaVu Sans"}
    figure.text(0.52, 0.83, "You see\nnine cells.", fontsize=44, fontweight="bold", linespacing=1.15, **words)
    figure.text(0.52, 0.53, "Can you remember\none bit?", fontsize=33, linespacing=1.2, **words)
    figure.text(0.52, 0.21, "memory-envs", fontsize=24, **words | {"color": "#949db4"})
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def save_png(path: Path, pixels: Pixels) -> None:
    """Write an image of 128 colours."""
    Image.fromarray(pixels).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    """Write everything."""
    if "--measure" in sys.argv[1:]:
        MEASURED.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
    IMAGES.mkdir(parents=True, exist_ok=True)
    for exhibit in GALLERY:
        painted = list(frames(exhibit))
        write_gif(IMAGES / f"{exhibit.name}.gif", painted, PACE * max(1, len(painted) // 40), WIDTH)
        still = Image.fromarray(painted[len(painted) // 2]).resize((WIDTH, WIDTH), Image.Resampling.BOX)
        save_png(IMAGES / f"{exhibit.name}.png", np.asarray(still))
    for cue in range(2):
        save_png(IMAGES / f"view-imaze-{'ab'[cue]}.png", stem_view(cue))
    for question, drawn in leaking_views().items():
        (IMAGES / f"view-minigrid-{question}.svg").write_text(drawn, encoding="utf-8")
    save_png(DOCS / "_static" / "first_page" / "card.png", card())


if __name__ == "__main__":
    main()
