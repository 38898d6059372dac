"""Sprites can be told apart at every size, without colours too, and need nothing but numpy."""

import colorsys
import itertools
import subprocess
import sys

import numpy as np
import pytest

from memory_envs.imaze import LOOKS as IMAZE_LOOKS
from memory_envs.meta_fetch import LOOKS as META_FETCH_LOOKS
from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.scene import FLOOR, WALL, Look
from memory_envs.rendering.sprites import agent_over, framed, sprite, sprite_table

TASKS = {"imaze": IMAZE_LOOKS, "meta_fetch": META_FETCH_LOOKS}


def luminance(picture):
    return picture @ np.array([0.299, 0.587, 0.114])


def covered(look: Look, cell: int) -> np.ndarray:
    """Where a sprite differs from bare floor: its silhouette."""
    return np.abs(luminance(sprite(look, cell)) - luminance(sprite(FLOOR, cell))) > 40


@pytest.mark.parametrize("looks", TASKS.values(), ids=TASKS.keys())
@pytest.mark.parametrize("cell", [12, 40])
def test_tiles_differ_by_shape_alone(looks, cell):
    for one, other in itertools.combinations(looks[2:], 2):
        first, second = covered(one, cell), covered(other, cell)
        assert (first ^ second).sum() > 0.1 * (first | second).sum(), f"{one.name} looks like {other.name}"


@pytest.mark.parametrize("looks", TASKS.values(), ids=TASKS.keys())
def test_tiles_have_their_own_symbols_names_and_colours(looks):
    assert len({look.symbol for look in looks}) == len({look.name for look in looks}) == len(looks)
    assert len({(look.shape, look.hollow) for look in looks}) == len(looks)
    assert all(len(look.symbol) == 1 for look in looks)


def test_a_goal_is_the_outline_of_its_cue():
    for cue, goal in ((2, 4), (3, 5)):
        assert IMAZE_LOOKS[cue].shape == IMAZE_LOOKS[goal].shape
        assert IMAZE_LOOKS[cue].colour == IMAZE_LOOKS[goal].colour
        picture = sprite(IMAZE_LOOKS[goal], 40)
        assert (picture[20, 20] == sprite(FLOOR, 40)[20, 20]).all()
        assert (sprite(IMAZE_LOOKS[cue], 40)[20, 20] == PALETTE[IMAZE_LOOKS[cue].colour]).all()


@pytest.mark.parametrize("looks", TASKS.values(), ids=TASKS.keys())
def test_the_table_holds_the_sprite_of_each_code(looks):
    table = sprite_table(looks, 12)
    assert table.shape == (len(looks), 12, 12, 3) and table.dtype == np.uint8
    for code, look in enumerate(looks):
        assert (table[code] == sprite(look, 12)).all()


@pytest.mark.parametrize("cell", [1, 2, 3, 7, 64])
def test_every_size_can_be_drawn_and_is_a_new_array(cell):
    for look in IMAZE_LOOKS + META_FETCH_LOOKS:
        picture = sprite(look, cell)
        assert picture.shape == (cell, cell, 3)
        picture[:] = 0
        assert sprite(look, cell).any()


def test_what_the_agent_does_not_see_is_darker():
    for look in IMAZE_LOOKS + META_FETCH_LOOKS:
        assert (luminance(sprite(look, 16, lit=False)) < luminance(sprite(look, 16))).all()


@pytest.mark.parametrize("look", META_FETCH_LOOKS[2:])
def test_a_dimmed_thing_keeps_its_hue(look):
    middles = [sprite(look, 45, lit)[22, 22] / 255 for lit in (True, False)]
    hues = [colorsys.rgb_to_hsv(*middle)[0] for middle in middles]
    turned = abs(hues[0] - hues[1])
    assert min(turned, 1 - turned) < 0.04 and min(map(max, middles)) > 0.8 * max(middles[0])


def test_a_shape_has_the_same_area_at_every_size():
    for look in META_FETCH_LOOKS[2:]:
        shares = [covered(look, cell).mean() for cell in (48, 96, 144)]
        assert max(shares) - min(shares) < 0.03, f"{look.name}: {shares}"


def test_shapes_are_symmetric_where_they_should_be():
    for look in META_FETCH_LOOKS[2:]:
        picture = sprite(look, 33).astype(int)
        assert np.abs(picture - picture[:, ::-1]).max() <= 1, look.name


def test_the_agent_points_where_it_looks_and_turns_without_change_of_shape():
    bare = sprite(FLOOR, 40)
    north = agent_over(bare, 3)
    for heading in range(4):
        turned = np.rot90(agent_over(bare, heading), heading - 3, axes=(0, 1))
        assert np.abs(turned.astype(int) - north).max() <= 1
    dark = luminance(north) < 80
    widths = dark.sum(axis=1)
    assert 0 < widths[dark.any(axis=1)][0] < widths.max()  # the tip is at the top
    assert (agent_over(bare, 0) != agent_over(bare, 2)).any()


def test_a_frame_leaves_the_middle_of_its_tile_alone():
    tile = sprite(IMAZE_LOOKS[2], 40)
    picture = framed(tile, PALETTE["good"])
    assert (picture[8:32, 8:32] == tile[8:32, 8:32]).all()
    assert (picture[20, 2] == PALETTE["good"]).all()


def test_what_has_no_picture_is_named():
    with pytest.raises(ValueError, match="cell must be at least 1 pixel, got 0"):
        sprite(WALL, 0)
    for odd in (Look("blob", "?", "blob", "red"), Look("disc", "?", "disc", "mauve")):  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="one of the shapes wall, floor, disc.*one of the colours"):
            sprite(odd, 8)


def test_sprites_need_no_drawing_library():
    code = (
        "import sys; sys.modules['pygame'] = sys.modules['PIL'] = None\n"
        "from memory_envs.imaze import LOOKS\n"
        "from memory_envs.rendering.sprites import sprite_table\n"
        "print(sprite_table(LOOKS, 12).sum() > 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
