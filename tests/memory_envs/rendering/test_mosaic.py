"""Mosaics: which lane is which, how far each is, and how each ended, not by colour alone."""

import dataclasses

import numpy as np
import pytest

from memory_envs.rendering.mosaic import STRIP, mosaic
from memory_envs.rendering.palette import PALETTE
from memory_envs.rendering.scene import Fact, Icon
from memory_envs.rendering.sprites import framed, sprite
from tests.memory_envs.rendering.test_painter import holds
from tests.support.scenes import fetch_scene, scene_at


def strips(frame: np.ndarray, count: int) -> list[np.ndarray]:
    """What stands above each of a few rooms that lie in one row, two rows or three."""
    columns = int(np.ceil(np.sqrt(count)))
    tall, wide = (frame.shape[0] - 6) // -(-count // columns), (frame.shape[1] - 6) // columns
    return [
        frame[
            n // columns * tall + 3 : n // columns * tall + 3 + STRIP,
            n % columns * wide + 6 : (n % columns + 1) * wide,
        ]
        for n in range(count)
    ]


def gray(picture: np.ndarray) -> np.ndarray:
    """Where anything is drawn, whatever its colour."""
    return (picture != np.array(PALETTE["page"], np.uint8)).any(axis=-1)


def test_every_lane_has_a_number_of_its_own():
    above = strips(mosaic([scene_at()] * 12), 12)
    assert len({gray(strip).tobytes() for strip in above}) == 12
    assert gray(above[0])[3:13, :6].all(axis=1)[[0, -1]].all()  # a zero is closed above and below
    assert gray(above[11]).any(axis=0).sum() > gray(above[1]).any(axis=0).sum()  # two digits


def test_the_border_of_a_lane_tells_how_its_episode_ended():
    frame = mosaic([scene_at(outcome=1), scene_at(outcome=-1), scene_at(), scene_at(steps=150)])
    half = len(frame) // 2
    shown = [frame[half // 2, 4], frame[half // 2, -4], frame[-half // 2, 4], frame[-half // 2, -4]]
    expected = [PALETTE[name] for name in ("good", "bad", "page", "bad")]
    assert [tuple(colour.tolist()) for colour in shown] == expected


def test_an_end_is_told_without_colour_too():
    same_lane = [strips(mosaic([scene_at(outcome=outcome)]), 1)[0] for outcome in (1, -1, 0)]
    assert len({gray(strip).tobytes() for strip in same_lane}) == 3


def test_an_order_is_shown_with_what_is_done_and_what_is_next():
    scene = fetch_scene(num_objects=3)
    icons = (Icon(4, "done"), Icon(2, "next"), Icon(3))
    scene = dataclasses.replace(scene, facts=(Fact("order", icons=icons), *scene.facts[1:]))
    [strip] = strips(mosaic([scene]), 1)
    done, following, later = (scene.looks[icon.tile] for icon in icons)
    assert holds(strip, sprite(done, 12, lit=False))
    assert holds(strip, framed(sprite(following, 12), PALETTE["frame"]))
    assert holds(strip, sprite(later, 12))


@pytest.mark.parametrize("lanes", [1, 64, 400, 2000])
def test_what_there_is_no_room_for_is_left_out(lanes):
    frame = mosaic([fetch_scene(num_objects=6)] * lanes)
    assert frame.dtype == np.uint8 and frame.shape[0] % 2 == frame.shape[1] % 2 == 0
