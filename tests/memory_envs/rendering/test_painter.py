"""Frames show the state, need no display, and are of one size."""

import builtins

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import error

from memory_envs.imaze import LOOKS as IMAZE_LOOKS
from memory_envs.imaze import IMazeEnv
from memory_envs.rendering import ansi, display, painter
from memory_envs.rendering.mosaic import mosaic
from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.sprites import agent_over, framed, sprite
from memory_envs.rendering.views import Style
from memory_envs.rules import maze
from tests.support.registered import IDS
from tests.support.scenes import fetch_scene, scene_at


def holds(frame: np.ndarray, picture: np.ndarray) -> bool:
    """Whether a picture lies somewhere in a frame, pixel by pixel."""
    windows = np.lib.stride_tricks.sliding_window_view(frame, picture.shape)[:, :, 0]
    corners = np.argwhere((windows[:, :, 0, 0] == picture[0, 0]).all(axis=-1))
    return any((windows[row, column] == picture).all() for row, column in corners)


def room_tile(frame: np.ndarray, row: int, column: int, cell: int = 44) -> np.ndarray:
    top, left = painter.MARGIN + row * cell, painter.MARGIN + column * cell
    return frame[top : top + cell, left : left + cell]


def test_frames_show_cue_goals_walls_and_light():
    scene = scene_at(row=1, column=4, heading=0, cue=1)
    frame = painter.pixels(scene)
    looks = scene.looks
    expected = {(1, 7): (looks[3], False), (7, 1): (looks[4], False), (7, 7): (looks[5], False)}
    expected |= {(4, 2): (looks[0], False), (0, 5): (looks[0], True), (1, 6): (looks[1], True)}
    for (row, column), (look, lit) in expected.items():
        assert (room_tile(frame, row, column) == sprite(look, 44, lit)).all()


@pytest.mark.parametrize("heading", range(4))
def test_the_agent_points_where_it_looks_in_the_room_and_up_in_its_view(heading):
    scene = scene_at(row=4, column=4, heading=heading)
    frame = painter.pixels(scene)
    assert (room_tile(frame, 4, 4) == agent_over(sprite(scene.looks[1], 44), heading)).all()
    own = framed(agent_over(sprite(scene.looks[1], 56), heading=3), PALETTE["frame"])
    assert holds(frame, own)


def test_a_twins_hint_is_painted_in_the_agents_own_cell():
    hinted = scene_at(row=4, column=4, heading=1, cue=1, observability="full")
    hint = sprite(hinted.looks[maze.CUE_B], 56)
    corner = hint.copy()
    corner[-25:, -25:] = agent_over(corner[-25:, -25:], heading=3)
    assert holds(painter.pixels(hinted), framed(corner, PALETTE["frame"])), "hint and agent are both seen"
    assert (corner == hint).all(axis=2).mean() > 0.85
    bare = painter.pixels(scene_at(row=4, column=4, heading=1, cue=1))
    assert not holds(bare, framed(corner, PALETTE["frame"]))
    assert ansi.text(hinted, Style("agent", panel=False)).splitlines()[2][1] == "B"


def test_the_last_reward_is_lit_below_the_view():
    for rewarded, colour in ((0, "card"), (1, "good")):
        scene = fetch_scene(rewarded=rewarded)
        frame = painter.pixels(scene, Style("agent", panel=False))
        assert (frame[-painter.MARGIN - 2, painter.MARGIN] == PALETTE[colour]).all()
        assert f"reward: {'yes' if rewarded else 'no'}" in ansi.text(scene)


def test_the_panel_hides_what_the_agent_is_not_told_when_it_is_switched_off():
    for scene in (scene_at(steps=12), fetch_scene(steps=12)):
        told = ansi.text(scene, Style(panel=False))
        assert not any(each in told for each in ("order", "goal", "memory", "12", "legend"))
        assert painter.pixels(scene, Style(panel=False)).size < painter.pixels(scene).size


def test_the_agents_view_alone_is_the_same_wherever_the_hidden_facts_differ():
    style = Style("agent", panel=False)
    one = scene_at(row=4, column=4, heading=1, cue=0, steps=9, seen_at=5, sight=2)
    other = scene_at(row=4, column=4, heading=1, cue=1, steps=40, seen_at=9, sight=2)
    assert (painter.pixels(one, style) == painter.pixels(other, style)).all()
    assert ansi.text(one, style) == ansi.text(other, style)
    assert (painter.pixels(one) != painter.pixels(other)).any()


@pytest.mark.parametrize("view", ["both", "room", "agent"])
@pytest.mark.parametrize("panel", [True, False])
@pytest.mark.parametrize("env_id", IDS)
def test_frames_of_an_id_have_even_sides_of_one_size(env_id, view, panel):
    env = gym.make(env_id, render_mode="rgb_array", render_view=view, render_panel=panel)
    env.reset(seed=0)
    shapes = {env.render().shape}
    for action in np.random.default_rng(0).integers(3, size=5):
        env.step(action)
        shapes.add(env.render().shape)
    [(height, width, channels)] = shapes
    assert height % 2 == width % 2 == 0 and channels == 3 and max(height, width) <= 720


def test_every_line_of_the_panel_fits_into_its_column():
    longest = [
        scene_at(steps=140, seen_at=2),
        scene_at(steps=140, hold=999, delay=1000),
        scene_at(outcome=1, steps=9),
        fetch_scene(num_objects=6, completed=99),
    ]
    for scene in longest:
        for each in scene.facts:
            icons = len(each.icons) * 30
            widths = [display.letters(each.name, 21).shape[1], display.letters(each.text, 24).shape[1]]
            assert sum(widths) + icons + 8 <= painter.COLUMN, each


@pytest.mark.parametrize("size", [21, 31])
def test_a_small_frame_of_a_large_maze_still_shows_what_lies_where(size):
    image = pytest.importorskip("PIL.Image")
    env = IMazeEnv(size=size, render_mode="rgb_array")
    env.reset(seed=3)
    scene, frame = env.scene(), env.render()
    small = np.asarray(image.fromarray(frame).resize((320, 320 * len(frame) // frame.shape[1]), image.BOX))
    scale, cell = 320 / frame.shape[1], 396 // size // 2 * 2
    places = [(scene.row, scene.column, PALETTE["agent"])]
    for row, column in np.argwhere(np.isin(scene.tiles, scene.things)).tolist():
        places.append((row, column, PALETTE[scene.looks[scene.tiles[row, column]].colour]))
    assert len(places) == 4
    for row, column, colour in places:
        y, x = (round((painter.MARGIN + (place + 0.5) * cell) * scale) for place in (row, column))
        near = small[y - 8 : y + 9, x - 8 : x + 9].astype(int)
        assert (np.abs(near - np.array(colour)).max(axis=-1) < 50).sum() >= 25, (row, column)


@pytest.mark.parametrize("size", [5, 9, 15])
def test_things_fill_their_cells_while_these_are_large(size):
    env = IMazeEnv(size=size, view_size=1, render_mode="rgb_array")
    env.reset(seed=0)
    cell = 396 // size // 2 * 2
    assert holds(env.render()[:, : 2 * painter.MARGIN + size * cell], sprite(IMAZE_LOOKS[4], cell, lit=False))


@pytest.mark.parametrize("size", [5, 9, 15, 31, 101])
def test_every_size_can_be_painted(size):
    env = IMazeEnv(size=size, view_size=1, render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.dtype == np.uint8 and frame.shape[0] % 2 == frame.shape[1] % 2 == 0
    assert frame.shape[1] == max(4, 396 // size // 2 * 2) * size + painter.COLUMN + 3 * painter.MARGIN


@pytest.mark.parametrize("num_objects", [3, 6])
def test_the_legend_names_everything(num_objects):
    scene = fetch_scene(num_objects=num_objects)
    frame = painter.pixels(scene)
    for code in scene.things:
        assert holds(frame[-80:], sprite(scene.looks[code], 28))
    assert holds(frame[-80:], sprite(scene.looks[1], 28, lit=False))  # out of view


def test_a_missing_pygame_is_named_and_text_and_mosaics_do_without_it(monkeypatch):
    real_import = builtins.__import__

    def without_pygame(name, *arguments, **keywords):
        if name == "pygame":
            raise ImportError(name)
        return real_import(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without_pygame)
    display.letters.cache_clear()
    with pytest.raises(error.DependencyNotInstalled, match=r'pip install "memory-envs\[render\]"'):
        painter.pixels(scene_at())
    assert ansi.text(scene_at()).startswith("####")
    assert mosaic([scene_at()]).any()


def test_an_agent_on_a_thing_hides_it_in_no_size_of_room():
    for cell in (12, 44):
        scene = scene_at(row=1, column=7, heading=1)
        bare = sprite(scene.looks[scene.tiles[1, 7]], cell, lit=bool(scene.visible[1, 7]))
        drawn = painter.room(scene, cell)[cell : 2 * cell, 7 * cell : 8 * cell]
        same = (drawn == bare).all(axis=2)
        assert 0.8 < same.mean() < 1 and same[: cell // 2].all()


def test_frames_of_all_numbers_of_objects_are_of_one_size():
    assert len({painter.pixels(fetch_scene(num_objects=count)).shape for count in (2, 3, 4, 5, 6)}) == 1


@pytest.mark.parametrize("height", [21, 24])
@pytest.mark.parametrize("text", ["I-Maze", "Meta-Fetch", "what the agent sees"])
def test_letters_stand_where_those_of_a_large_font_do(text, height):
    small, large = (painter.letters(text, size).sum(axis=0).cumsum() for size in (height, 16 * height))
    edges = 16 * np.arange(1, len(small) + 1) - 1  # of the small pixels, in the large ones
    ahead = np.abs(small / small[-1] - large[np.minimum(edges, len(large) - 1)] / large[-1])
    assert ahead.max() < 0.02, "share of the ink left of each column"


@pytest.mark.parametrize(
    "observability, told", [("full", "cue always shown"), ("partial", "cue not seen yet")]
)
def test_the_panel_of_a_twin_does_not_deny_what_it_shows(observability, told):
    assert scene_at(observability=observability).facts[1].text == told
