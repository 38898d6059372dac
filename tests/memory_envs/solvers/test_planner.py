import itertools
import time
from collections import deque
from functools import cache

import numpy as np
import pytest

from memory_envs import imaze as imaze_env
from memory_envs import meta_fetch as fetch_env
from memory_envs.rules import imaze, meta_fetch
from memory_envs.rules.grid import EAST, NUM_ACTIONS, WEST
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers import planner


def breadth_first(state, step, is_there):
    """Fewest steps until `is_there(before, after)` by plain search; `step` gives None for the forbidden."""
    queue, reached = deque([(state, 0)]), {state}
    while queue:
        here, steps = queue.popleft()
        for action in range(NUM_ACTIONS):
            following = step(here, action)
            if following is not None and is_there(here, following):
                return steps + 1
            if following is not None and following not in reached:
                reached.add(following)
                queue.append((following, steps + 1))
    return planner.OUT_OF_REACH


def packed(digits, base):
    return sum(digit * base**place for place, digit in enumerate(digits))


# --- I-Maze ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [0, 5])
def test_the_steps_left_in_a_maze_are_the_fewest_there_are(delay):
    config = imaze.configure(size=7, delay=delay, start="center" if delay else "end")

    def step(state, action):
        following, _, _, _ = imaze.transition(config._replace(max_steps=10**6), state, action)
        return None if following.outcome == -1 else following._replace(steps=0, seen_at=-1)

    generator = np.random.default_rng(0)
    state = imaze.begin(config, episode_key(0, 0))
    for action in generator.choice([0, 1, 2, 2], size=150).tolist():
        expected = breadth_first(
            state._replace(steps=0, seen_at=-1), step, lambda _, after: after.outcome == 1
        )
        assert imaze_env.steps_remaining(config, state) == expected
        following, _, terminated, _ = imaze.transition(config, state, action)
        state = state if terminated else following
    assert state.sight != imaze.CUE_UNSEEN  # the delay was met


def test_no_step_is_left_at_a_goal():
    config = imaze.configure()
    state = imaze.begin(config, episode_key(0, 0))
    at_goal = state._replace(row=7, column=1, heading=WEST, outcome=1 if state.cue == 0 else -1)
    assert imaze_env.steps_remaining(config, at_goal) == 0


# --- Meta-Fetch -----------------------------------------------------------------------------------


def fewest_to_the_next_object(config, state):
    def step(before, action):
        after, _, _, _ = meta_fetch.transition(config, before, action)
        lost = after.progress < before.progress and after.completed == before.completed
        return None if lost else planner.timeless(meta_fetch, after)._replace(completed=after.completed)

    def fetched(before, after):
        return after.progress > before.progress or after.completed > before.completed

    return breadth_first(planner.timeless(meta_fetch, state), step, fetched)


@pytest.mark.parametrize("size, num_objects", [(5, 2), (5, 6), (7, 4), (9, 3)])
def test_the_steps_to_the_next_object_are_the_fewest_there_are(size, num_objects):
    config = meta_fetch.configure(size=size, num_objects=num_objects)
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


# --- Best play ------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_objects, horizon", [(2, 25), (3, 30)])
def test_best_play_earns_what_a_search_through_all_plays_finds(num_objects, horizon):
    config = meta_fetch.configure(size=5, num_objects=num_objects)

    @cache
    def most(state, left):
        if left == 0:
            return 0.0
        outcomes = [meta_fetch.transition(config, state, action)[:2] for action in range(NUM_ACTIONS)]
        return max(reward + most(after._replace(steps=0), left - 1) for after, reward in outcomes)

    for episode in range(3):
        state = meta_fetch.begin(config, episode_key(4, episode))
        ahead = planner.future(meta_fetch, config, state)
        play = planner.best_plan(ahead, horizon)
        assert play.episode_return == most(state, horizon) > 0
        assert played(config, state, ahead, play) == play.episode_return


def played(config, state, ahead, play):
    total = 0.0
    for now in range(len(play.actions)):
        number = ahead.number[planner.timeless(meta_fetch, state)]
        state, reward, _, _ = meta_fetch.transition(config, state, int(play.actions[now, number]))
        total += reward
    return total


def test_best_play_is_paid_as_soon_as_possible():
    config = meta_fetch.configure(size=9)
    state = meta_fetch.begin(config, episode_key(0, 3))
    ahead = planner.future(meta_fetch, config, state)
    steps = fetch_env.steps_remaining(config, state)
    play = planner.best_plan(ahead, steps + 2)  # two steps more than the only reward takes
    for now in range(steps):
        number = ahead.number[planner.timeless(meta_fetch, state)]
        state, reward, _, _ = meta_fetch.transition(config, state, int(play.actions[now, number]))
    assert reward == 1


def test_routes_from_a_pose_are_the_shortest_and_begin_with_their_first_action():
    config = meta_fetch.configure(size=6)
    graph = planner.pose_graph(meta_fetch, config)
    allowed = ~graph.entering((2, 2), (3, 2))
    start = graph.number[1, 1, EAST]
    found = planner.routes_from(graph.following, start, allowed)
    backwards = {
        target: planner.shortest_routes(graph.following, graph.following == target, allowed)
        for target in range(len(graph.poses))
    }
    for target, routes in backwards.items():
        if target != start:
            assert found.steps[target] == routes.steps[start]
        if found.steps[target] > 1:
            following = graph.following[start, found.actions[target]]
            assert routes.steps[following] == found.steps[target] - 1
    assert found.steps[graph.number[2, 2, EAST]] == planner.OUT_OF_REACH


def test_a_long_delay_takes_no_longer_to_plan():
    """The held steps are counted, not walked through; a plan state by state would take minutes."""
    config = imaze.configure(delay=1_000_000)
    state = imaze.begin(config, episode_key(0, 0))
    start = time.perf_counter()
    free = imaze_env.steps_remaining(config._replace(delay=0), state)
    assert imaze_env.steps_remaining(config, state) == free  # the best route never sees the cue
    held = state._replace(seen_at=0, sight=imaze.CUE_LEFT_BEHIND, hold=123)
    assert imaze_env.steps_remaining(config, held) == free + 123
    assert time.perf_counter() - start < 5
