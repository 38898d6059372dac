"""Texts show room, view, facts and legend."""

from memory_envs.meta_fetch import LOOKS as META_FETCH_LOOKS
from memory_envs.rendering import ansi
from tests.support.scenes import fact, fetch_scene, scene_at


def test_text_shows_room_view_facts_and_legend():
    lines = ansi.text(scene_at(row=1, column=3, heading=2, cue=1, steps=12)).splitlines()
    assert lines[:3] == ["#########    #.#", "#..<   B#    #.#", "#### ####    #^#"]
    assert lines[7] == "#a     b#"
    assert lines[9].startswith("step: 12/150  cue, goal: B b  memory: cue not seen yet")
    assert lines[10].startswith("legend: ^>v< agent, # wall, . floor, A cue A")
    assert len(lines) == 11


def test_text_marks_the_order():
    told = ansi.text(fetch_scene(progress=1, paid=1, steps=4))
    symbols = [META_FETCH_LOOKS[icon.tile].symbol for icon in fact(fetch_scene(), "order").icons]
    assert "order: ({}) [{}] {}  ".format(*symbols) in told


def test_text_is_plain_unless_colours_are_asked_for():
    scene = fetch_scene()
    plain, coloured = ansi.text(scene), ansi.text(scene, colour=True)
    assert "\x1b" not in plain and "\x1b[" in coloured
    stripped = coloured
    while "\x1b" in stripped:
        before, _, after = stripped.partition("\x1b")
        stripped = before + after.partition("m")[2]
    assert stripped == plain
