"""Layouts, and their split into training and test layouts."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from memory_envs.rules import layouts
from memory_envs.rules import meta_fetch as rules
from memory_envs.rules.randomness import episode_key
from tests.support.rooms import assert_uniform, first, packed


def turned_picture(side, cells):
    """The layout of a room that was turned by a quarter clockwise, by turning a picture."""
    picture = np.full(side * side, -1)
    picture[list(cells)] = range(len(cells))
    turned = np.rot90(picture.reshape(side, side), -1).reshape(-1)
    return [int(np.nonzero(turned == item)[0][0]) for item in range(len(cells))]


@pytest.mark.parametrize("side, count", [(3, 2), (3, 3), (3, 4), (4, 3)])
def test_every_layout_is_in_one_split_together_with_its_turns(side, count):
    test = 0
    all_layouts = list(itertools.permutations(range(side * side), count))
    for cells in all_layouts:
        code, turned = packed(cells, 256), packed(turned_picture(side, cells), 256)
        member = [layouts.in_split(code, side, count, split) for split in (layouts.TRAIN, layouts.TEST)]
        assert sorted(member) == [False, True]
        assert layouts.in_split(code, side, count, layouts.ALL)
        assert layouts.turned_layout(code, side, count) == turned
        assert layouts.is_test_layout(turned, side, count) == member[1]
        test += member[1]
    orbits = len(all_layouts) / 4
    assert abs(test / len(all_layouts) - 1 / 5) < 4 * math.sqrt(0.2 * 0.8 / orbits)


@pytest.mark.parametrize("size, num_objects", [(5, 2), (9, 3), (17, 6)])
@pytest.mark.parametrize("split", ["train", "test"])
def test_episodes_of_a_split_have_its_layouts(size, num_objects, split):
    config = rules.configure(size=size, num_objects=num_objects, split=split)
    for episode in range(300):
        state = rules.begin(config, episode_key(1, episode))
        assert layouts.is_test_layout(state.cells, size - 2, num_objects) == (split == "test")
        rules.check_state(config, state)


def test_a_layout_of_the_other_split_is_not_a_state_of_this_one():
    train, state = first(split="train")
    with pytest.raises(ValueError, match="cells must be a layout of split 'test'"):
        rules.check_state(rules.configure(split="test"), state)
    rules.check_state(train, state)


def test_episodes_of_the_test_split_are_as_uniform_as_its_layouts():
    config = rules.configure(size=5, num_objects=2, split="test")
    found = Counter(rules.begin(config, episode_key(2, episode)).cells for episode in range(3000))
    expected = {
        packed(cells, 256)
        for cells in itertools.permutations(range(9), 2)
        if layouts.is_test_layout(packed(cells, 256), 3, 2)
    }
    assert set(found) == expected
    assert_uniform(list(found.elements()), len(expected))
