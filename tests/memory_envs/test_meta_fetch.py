"""Meta-Fetch's record: its scene and the steps that are left. Its rules have tests of their own."""

import itertools

import numpy as np
import pytest

from memory_envs import meta_fetch as fetch_env
from memory_envs.meta_fetch import scene as meta_fetch_scene
from memory_envs.rendering.scene import Icon
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import EAST
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers import planner
from tests.support.rooms import packed
from tests.support.scenes import fact
from tests.support.searches import breadth_first


def test_the_order_is_told_with_what_is_done_and_what_is_next():
    config = meta_fetch.configure(num_objects=4)
    state = meta_fetch.begin(config, 3)
    order = [meta_fetch.OBJECT + meta_fetch.ordered(state, position) for position in range(4)]
    scene = meta_fetch_scene(config, state._replace(progress=2, paid=2, steps=9))
    marks = ("done", "done", "next", "")
    assert fact(scene, "order").icons == tuple(map(Icon, order, marks))
    assert fact(scene, "memory").text == "2 of 4 known"
    for code in order[:2]:
        assert not (scene.tiles == code).any()  # fetched objects are not in the room
    assert all((scene.tiles == code).sum() == 1 for code in order[2:])


def fewest_to_the_next_object(config, state):
    def step(before, action):
        after, _, _, _ = meta_fetch.transition(config, before, action)
        lost = after.progress < before.progress and after.completed == before.completed
        return None if lost else planner.timeless(meta_fetch, after)._replace(completed=after.completed)

    def fetched(before, after):
        return after.progress > before.progress or after.completed > before.completed

    return breadth_first(planner.timeless(meta_fetch, state), step, fetched)


@pytest.mark.parametrize("on_wrong", meta_fetch.WRONG)
@pytest.mark.parametrize("size, num_objects", [(5, 2), (5, 6), (7, 4), (9, 3)])
def test_the_steps_to_the_next_object_are_the_fewest_there_are(size, num_objects, on_wrong):
    config = meta_fetch.configure(size=size, num_objects=num_objects, on_wrong=on_wrong)
    generator = np.random.default_rng(1)
    progress = set()
    for episode in range(4):
        state = meta_fetch.begin(config, episode_key(size, episode))
        for action in generator.choice([0, 1, 2, 2, 2], size=60).tolist():
            state, _, _, _ = meta_fetch.transition(config, state, action)
            progress.add(state.progress)
            expected = fewest_to_the_next_object(config, state)
            assert fetch_env.steps_remaining(config, state) == expected
    assert len(progress) > 1


def test_an_object_that_others_wall_in_is_out_of_reach():
    config = meta_fetch.configure(size=5, num_objects=4)
    state = meta_fetch.begin(config, episode_key(0, 0))
    # 1 .   object 0 lies open and is next, then object 1, in the corner between 2 and 3
    cells, order = packed([8, 0, 1, 3], 256), packed([0, 1, 2, 3], 8)
    state = state._replace(row=3, column=2, heading=EAST, cells=cells, order=order)
    assert fetch_env.steps_remaining(config, state) == 1
    fetched, reward, _, _ = meta_fetch.transition(config, state, 2)
    assert (reward, fetched.progress) == (1, 1)
    assert fetch_env.steps_remaining(config, fetched) == planner.OUT_OF_REACH
    play = planner.best_plan(planner.future(meta_fetch, config, state), 60)
    assert play.episode_return == 1


def unfinishable(size, num_objects):
    """How many layouts there are, and in how many the order 0, 1, 2, ... cannot be fetched to its end."""
    config = meta_fetch.configure(size=size, num_objects=num_objects)
    first = meta_fetch.begin(config, episode_key(0, 0))
    walled_in = []
    for cells in itertools.permutations(range((size - 2) ** 2), num_objects):
        state = first._replace(cells=packed(cells, 256), order=packed(range(num_objects), 8))
        places = [meta_fetch.object_place(config, state, item) for item in range(num_objects)]
        on_the_way = [
            state._replace(row=row, column=column, progress=item + 1, paid=item + 1)
            for item, (row, column) in enumerate(places[:-1])
        ]
        left = [fetch_env.steps_remaining(config, each) for each in [state, *on_the_way]]
        walled_in.append(planner.OUT_OF_REACH in left)
    return len(walled_in), sum(walled_in)


@pytest.mark.parametrize("num_objects", [2, 3])
def test_two_or_three_objects_never_wall_one_in(num_objects):
    assert unfinishable(5, num_objects)[1] == 0


def test_four_objects_wall_one_in_only_in_a_corner():
    # Object 0 or 1 in one of four corners, objects 2 and 3 on both sides of it, the other one anywhere.
    layouts, walled_in = unfinishable(5, 4)
    assert (layouts, walled_in) == (9 * 8 * 7 * 6, 4 * 2 * 2 * 6)
