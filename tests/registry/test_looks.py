"""How agents are shown: told apart by everybody, on light and on dark pages."""

from itertools import combinations

import numpy as np
import pytest

from agents.figures.curves import INK, ordinal_colours
from memory_envs.registry.agents import AGENTS
from memory_envs.registry.looks import LOOKS, PAPER, VARIANTS, find_look
from memory_envs.registry.presets import PRESETS

# Machado, Oliveira and Fernandes 2009, severity 1: linear RGB as each sees it.
SIGHTS = {
    "all colours": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}
# Of sRGB with white of D65.
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
# Of CIELAB; 2.3 is a just noticeable difference between fields side by side.
LEAST = 14


def linear(colour):
    parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(colour, sight):
    seen = TO_XYZ @ np.clip(SIGHTS[sight] @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    f = np.where(seen > (6 / 29) ** 3, np.cbrt(seen), seen / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, sight):
    return float(np.linalg.norm(lab(one, sight) - lab(other, sight)))


def test_the_simulation_takes_red_from_green_away():
    assert distance("#ffffff", "#000000", "all colours") == pytest.approx(100, abs=0.1)
    assert lab("#ff0000", "all colours") == pytest.approx([53.2, 80.1, 67.2], abs=0.3)
    assert (
        distance("#a06000", "#608000", "all colours")
        > 40
        > 14
        > distance("#a06000", "#608000", "deuteranopia")
    )


@pytest.mark.parametrize("sight", SIGHTS)
def test_agents_are_told_apart_by_colour_or_else_by_dashes(sight):
    for one, other in combinations(LOOKS.values(), 2):
        if one.colour == other.colour:
            assert one.dashes != other.dashes, (one, other)
        else:
            assert distance(one.colour, other.colour, sight) >= LEAST, (one, other)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("count", range(2, 7))
def test_values_of_a_setting_are_told_apart_and_in_order(sight, count):
    colours = ordinal_colours(count)
    assert len(colours) == count
    lightness = [lab(colour, sight)[0] for colour in colours]
    assert lightness == sorted(lightness)
    for one, other in zip(colours, colours[1:], strict=False):
        assert distance(one, other, sight) >= LEAST


def contrast(one, other):
    """Of two colours, as WCAG defines it."""
    low, high = sorted(TO_XYZ[1] @ linear(colour) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def test_colours_are_seen_on_light_and_dark_pages():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    for colour in {*ordinal_colours(6), *(look.colour for look in LOOKS.values())}:
        assert contrast(colour, "#ffffff") > 2 and contrast(colour, "#1b202c") > 3, colour
    assert contrast(INK, "#ffffff") > 7


def test_titles_are_names_and_no_two_agents_look_alike():
    assert len({look.title for look in LOOKS.values()}) == len(LOOKS)
    assert len({(look.colour, look.dashes) for look in LOOKS.values()}) == len(LOOKS)
    assert PAPER not in {look.dashes for look in LOOKS.values()} | {*VARIANTS}
    assert set(AGENTS) <= set(LOOKS)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_every_preset_has_a_look(preset):
    name, look = find_look(preset.name, preset.policy)
    assert preset.name.rpartition("/")[2].startswith(name) and LOOKS[name] is look


def test_an_experiment_without_a_preset_looks_like_its_agent():
    assert find_look("CartPole-v1/ald", "LstmPolicy")[0] == "ald"
    assert find_look("CartPole-v1/vmpo", "GTrXLPolicy")[0] == "vmpo-gtrxl"
    assert find_look("CartPole-v1/vmpo")[0] == "vmpo"
    assert find_look("imaze/ald (total_timesteps=10)", "LstmPolicy")[0] == "ald"
    assert find_look("imaze/mine") is None
