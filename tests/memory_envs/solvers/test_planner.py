"""Routes and plans with full sight are the best there are."""

from functools import cache

import pytest

from memory_envs import meta_fetch as fetch_env
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import EAST, NUM_ACTIONS
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers import planner


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


def test_every_good_action_and_no_other_is_paid_as_much_and_as_soon():
    config, horizon = meta_fetch.configure(size=5, num_objects=2), 8

    @cache
    def most(state, left):
        """Return, and each reward times the steps left then: in this order they are compared."""
        return max(after(state, left)) if left else (0.0, 0.0)

    def after(state, left):
        found = []
        for action in range(NUM_ACTIONS):
            following, reward, _, _ = meta_fetch.transition(config, state, action)
            worth, sooner = most(planner.timeless(meta_fetch, following), left - 1)
            found.append((reward + worth, reward * left + sooner))
        return found

    state = planner.timeless(meta_fetch, meta_fetch.begin(config, episode_key(4, 0)))
    ahead = planner.future(meta_fetch, config, state)
    good, several = planner.best_plan(ahead, horizon).good, 0
    for now in range(horizon):
        for number, each in enumerate(ahead.states[:60]):
            worth = after(each, horizon - now)
            assert [w == max(worth) for w in worth] == good[now, number].tolist()
            several += good[now, number].sum() > 1
    assert several


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
