"""Meta-Fetch's rules are those of its description."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs.rules import layouts, room
from memory_envs.rules import meta_fetch as rules
from memory_envs.rules.grid import EAST, FORWARD, NORTH, NUM_HEADINGS, TURN_RIGHT
from memory_envs.rules.randomness import episode_key
from tests.support.env_oracles import cut_window
from tests.support.meta_fetch_oracle import Fetching
from tests.support.rooms import assert_uniform, first, packed

SIZES = range(5, 18)


def cells_of(config, state):
    return [layouts.object_cell(state.cells, item) for item in range(config.num_objects)]


def order_of(config, state):
    return [rules.ordered(state, position) for position in range(config.num_objects)]


def place_of(config, cell):
    """Free cells in the order of reading."""
    inside = range(1, config.size - 1)
    return list(itertools.product(inside, inside))[cell]


def oracle_of(config, state):
    """An episode of the oracle that begins where `state` begins."""
    lies = {item: place_of(config, cell) for item, cell in enumerate(cells_of(config, state))}
    agent = (state.row, state.column)
    return Fetching(
        *(config.size, config.view_size, lies, order_of(config, state), agent, state.heading),
        on_wrong=rules.WRONG[config.on_wrong],
        object_reward=config.object_reward,
    )


def window_of(config, state):
    view = np.full((config.view_size, config.view_size), 99, dtype=np.uint8)
    rules.observe(config, state, view)
    return view


def facts_of(config, state):
    facts = np.full(len(rules.FACTS), -7, dtype=np.int64)
    rules.write_facts(config, state, facts)
    return dict(zip(rules.FACTS, facts.tolist(), strict=True))


def assert_alike(config, state, oracle, observability):
    assert (state.row, state.column) == oracle.agent and state.heading == oracle.heading
    assert (window_of(config, state) == oracle.window(observability)).all()
    notes = np.full(1, 9, dtype=np.uint8)
    rules.write_notes(config, state, notes)
    assert notes.tolist() == [oracle.reward > 0]
    assert rules.is_success(config, state) == (oracle.completed > 0)
    assert rules.next_by_memory(config, state) == oracle.best_guess()
    assert state.paid == len(oracle.paid)
    assert {item for item in oracle.lies if state.ruled_out >> item & 1} == oracle.tried
    known = len(oracle.revealed)
    assert facts_of(config, state) == {
        "order": int("".join(str(item + 1) for item in oracle.order)),
        "progress": len(oracle.fetched),
        "known": known,
        "completed": oracle.completed,
        "phase": rules.REPEATING if known == config.num_objects else rules.SEARCHING,
        "known_next": oracle.known_next(),
        **oracle.place_of_next(),
    }


def events_of(config, before, after):
    events = np.full(len(rules.EVENTS), -7, dtype=np.int64)
    rules.write_events(config, before, after, events)
    return dict(zip(rules.EVENTS, events.tolist(), strict=True))


@st.composite
def plays(draw):
    """Settings, a stream and actions; walking is likelier than turning, so that objects are met."""
    size = draw(st.integers(5, 10))
    arguments = {
        "size": size,
        "num_objects": draw(st.integers(2, 6)),
        "view_size": draw(st.integers(0, (size - 1) // 2)) * 2 + 1,
        "observability": draw(st.sampled_from(rules.OBSERVABILITIES)),
        "split": draw(st.sampled_from(rules.SPLITS)),
        "start": draw(st.sampled_from(rules.STARTS)),
        "on_wrong": draw(st.sampled_from(rules.WRONG)),
        "object_reward": draw(st.sampled_from([1.0, 3.0, 0.25])),
    }
    actions = draw(st.lists(st.sampled_from([0, 1, 2, 2, 2]), max_size=120))
    return arguments, draw(st.integers(0, 2**53 - 1)), actions


@settings(max_examples=400, deadline=None)
@given(plays())
def test_any_play_is_that_of_the_description(play):
    arguments, stream, actions = play
    config, state = first(stream, **arguments)
    oracle = oracle_of(config, state)
    assert_alike(config, state, oracle, arguments["observability"])
    for number, action in enumerate(actions, start=1):
        state, reward, terminated, truncated = rules.transition(config, state, action)
        assert reward == oracle.act(action)
        assert (terminated, truncated, state.steps) == (False, number >= config.max_steps, number)
        assert_alike(config, state, oracle, arguments["observability"])


@settings(max_examples=60, deadline=None)
@given(plays(), st.integers(0, 2**32))
def test_long_plays_that_find_objects_are_those_of_the_description(play, seed):
    arguments, stream, _ = play
    config, state = first(stream, **{**arguments, "size": 5, "view_size": 3})
    oracle, generator = oracle_of(config, state), np.random.default_rng(seed)
    for action in generator.choice([0, 1, 2, 2], size=300).tolist():
        before, possible, next_one = state, oracle.possible(), oracle.next_object()
        state, reward, _, _ = rules.transition(config, state, action)
        assert reward == oracle.act(action)
        assert_alike(config, state, oracle, arguments["observability"])
        touched, right = oracle.touched, oracle.touched == next_one
        assert events_of(config, before, state) == {
            "fetched": 1 + touched if right and touched is not None else 0,
            "avoidable": int(touched is not None and touched not in possible),
        }
        rules.check_state(config._replace(max_steps=300), state)


@settings(max_examples=100, deadline=None)
@given(plays())
def test_objects_are_conserved_and_counts_agree(play):
    arguments, stream, actions = play
    config, state = first(stream, **arguments)
    total = 0.0
    for action in actions:
        cells, order = state.cells, state.order
        state, reward, _, _ = rules.transition(config, state, action)
        total += reward / config.object_reward
        shown = [
            rules.tile(config, state, *place) for place in itertools.product(range(config.size), repeat=2)
        ]
        present = [code for code in shown if code >= rules.OBJECT]
        assert len(present) == len(set(present)) == config.num_objects - state.progress
        assert (state.cells, state.order) == (cells, order)
        assert state.progress <= rules.known_positions(config, state)
        assert 0 <= state.paid < config.num_objects
        assert total == config.num_objects * state.completed + state.paid
        assert room.is_open(config, state.row, state.column)


@pytest.mark.parametrize("num_objects", [2, 3, 6])
def test_starts_are_uniform(num_objects):
    config = rules.configure(size=5, num_objects=num_objects)
    states = [rules.begin(config, episode_key(9, episode)) for episode in range(6000)]
    assert_uniform([state.heading for state in states], NUM_HEADINGS)
    assert_uniform([state.order for state in states], math.factorial(num_objects))
    assert_uniform([(state.row, state.column) for state in states], 9)
    for item in range(num_objects):
        assert_uniform([cells_of(config, state)[item] for state in states], 9)
    pairs = [tuple(cells_of(config, state)[:2]) for state in states]
    assert_uniform(pairs, 72)
    for state in states:
        taken = {place_of(config, cell) for cell in cells_of(config, state)} | {(state.row, state.column)}
        assert len(taken) == num_objects + 1


def test_streams_and_episodes_have_their_own_rooms():
    config = rules.configure()
    layouts_seen = {rules.begin(config, episode_key(s, e)).cells for s in range(20) for e in range(20)}
    assert len(layouts_seen) > 380  # of 400; two of 110,544 layouts rarely meet


@pytest.mark.parametrize("size", SIZES)
def test_every_window_of_a_room_is_its_picture_turned_and_cut(size):
    for view_size in {1, 3, (size - 1) // 2 * 2 + 1}:
        config, state = first(size, size=size, view_size=view_size, num_objects=6)
        picture = oracle_of(config, state).picture()
        inside = range(1, size - 1)
        for row, column, heading in itertools.product(inside, inside, range(NUM_HEADINGS)):
            there = state._replace(row=row, column=column, heading=heading)
            expected = cut_window(picture, row, column, heading, view_size)
            assert (window_of(config, there) == expected).all()


def corridor(*order, cells=(1, 2, 3), column=1):
    """Objects in the uppermost row, side by side unless told, and the agent in that row looking east."""
    config, state = first(size=7)
    state = state._replace(cells=packed(cells, 256), order=packed(order, 8))
    return config, state._replace(row=1, column=column, heading=EAST)


def walk(config, state, actions):
    rewards = []
    for action in actions:
        state, reward, _, _ = rules.transition(config, state, action)
        rewards.append(reward)
    return state, rewards


def test_a_whole_sequence_pays_once_per_object_and_all_return():
    config, state = corridor(0, 1, 2)
    state, rewards = walk(config, state, [FORWARD] * 3)
    assert rewards == [1, 1, 1]
    assert (state.completed, state.progress, state.paid) == (1, 0, 0)
    assert [rules.tile(config, state, 1, column) - rules.OBJECT for column in (2, 3, 4)] == [0, 1, 2]


def test_an_object_underfoot_is_not_fetched_until_it_is_walked_onto_again():
    config, state = corridor(1, 0, 2)
    state, _ = walk(config, state, [FORWARD])  # onto object 0, which is not next
    assert state.ruled_out == 0b001 and window_of(config, state)[-1, 2] == rules.OBJECT
    turned, rewards = walk(config, state, [TURN_RIGHT] * 4)
    assert rewards == [0] * 4 and turned._replace(steps=state.steps) == state


def test_walking_into_the_wall_from_an_object_does_not_touch_it_again():
    config, state = corridor(2, 0, 1, cells=(1, 2, 4), column=4)
    state, rewards = walk(config, state, [FORWARD])  # object 2, at the wall, is next
    assert rewards == [1]
    wrong = state._replace(progress=0, paid=1)  # it has returned under the agent
    after, rewards = walk(config, wrong, [FORWARD])
    assert rewards == [0] and after.progress == 0


def test_a_wrong_object_stays_and_all_fetched_ones_return():
    config, state = corridor(0, 2, 1)
    state, rewards = walk(config, state, [FORWARD, FORWARD])
    assert rewards == [1, 0]
    assert (state.progress, state.paid, state.ruled_out) == (0, 1, 0b010)
    assert [rules.tile(config, state, 1, column) - rules.OBJECT for column in (2, 3, 4)] == [0, 1, 2]


def test_what_was_paid_is_not_paid_again_before_the_sequence_is_completed():
    config, state = corridor(0, 2, 1)
    back = [TURN_RIGHT, TURN_RIGHT, FORWARD, FORWARD, TURN_RIGHT, TURN_RIGHT]
    state, rewards = walk(config, state, [FORWARD, FORWARD, *back, FORWARD])
    assert sum(rewards) == 1 and state.progress == 1


def clockless(state):
    """What of a state matters for the future, time limit aside."""
    return state._replace(steps=0, completed=min(state.completed, 1))


def as_written(config, state, action):
    return rules.transition(config, state, action)[:2]


def paying_again(config, state, action):
    """The rules without the clause that a position pays once: whatever is fetched in order is paid."""
    following, _, _, _ = rules.transition(config, state, action)
    progressed = following.progress > state.progress or following.completed > state.completed
    return following, float(progressed)


def endless_reward(config, start, transition):
    """A rewarded step that can be taken again and again without completing a sequence, or None."""
    edges, open_states, seen = {}, [clockless(start)], {clockless(start)}
    while open_states:
        state = open_states.pop()
        for action in range(rules.NUM_ACTIONS):
            following, reward = transition(config, state, action)
            completes, target = following.completed > state.completed, clockless(following)
            if not completes:
                edges.setdefault(state, []).append((target, reward))
            if target not in seen:
                seen.add(target)
                open_states.append(target)
    for state, leaving in edges.items():
        for target, reward in leaving:
            if reward > 0 and state in reachable(edges, target):
                return state, target
    return None


def reachable(edges, start):
    seen, open_states = {start}, [start]
    while open_states:
        for target, _ in edges.get(open_states.pop(), ()):
            if target not in seen:
                seen.add(target)
                open_states.append(target)
    return seen


@pytest.mark.parametrize("num_objects, key", [(2, 0), (2, 1), (3, 0)])
def test_no_cycle_earns_without_completing_a_sequence(num_objects, key):
    config, state = first(key, size=5, num_objects=num_objects)
    assert endless_reward(config, state, as_written) is None


def test_the_search_finds_the_cycle_of_rules_that_pay_again():
    config, state = first(size=5, num_objects=3)
    assert endless_reward(config, state, paying_again) is not None


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": 4}, "size must be an integer, from 5 to 17, got 4"),
        ({"size": 18}, "size must be an integer, from 5 to 17, got 18"),
        ({"num_objects": 1}, "num_objects must be an integer, from 2 to 6, got 1"),
        ({"num_objects": 7}, "num_objects must be an integer, from 2 to 6, got 7"),
        ({"view_size": 4}, "view_size must be an odd integer, at least 1, got 4"),
        ({"view_size": 11}, "view_size must be at most size=9, got 11"),
        ({"max_episode_steps": 0}, "max_episode_steps must be an integer, at least 1, got 0"),
        ({"split": "tset"}, "split must be one of 'all', 'train', 'test', got 'tset', did you mean 'test'?"),
        ({"start": "top"}, "start must be one of 'random', 'bottom', got 'top'"),
        ({"on_wrong": "die"}, "on_wrong must be one of 'stay', 'back', got 'die'"),
        ({"spacing": 4}, "spacing must be an integer, from 1 to 3, got 4"),
        (
            {"spacing": 3, "num_objects": 6, "size": 8},
            "8 free cells for each of num_objects=6 in size=8, got 3",
        ),
        ({"object_reward": -1.0}, "object_reward must be finite and at least 0, got -1.0"),
        ({"observability": None}, "one of 'partial', 'full', 'perfect_memory', got None"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        rules.configure(**arguments)


@pytest.mark.parametrize("arguments", [{"size": 9.0}, {"num_objects": True}, {"view_size": "5"}])
def test_settings_of_the_wrong_kind_are_named(arguments):
    with pytest.raises(TypeError, match=f"{next(iter(arguments))} must be an integer"):
        rules.configure(**arguments)


@pytest.mark.parametrize(
    "arguments, limit",
    [({}, 300), ({"num_objects": 4}, 450), ({"size": 17}, 566), ({"max_episode_steps": 7}, 7)],
)
def test_the_time_limit_grows_with_objects_and_size(arguments, limit):
    assert rules.configure(**arguments).max_steps == limit


def test_a_state_is_exact_in_json_of_every_language():
    config, state = first(size=17, num_objects=6)
    largest = packed([224, 223, 222, 221, 220, 219], 256)
    assert max(state) < 2**53 and largest < 2**53
    assert all(type(value) is int for value in state)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"row": 0}, "row must be in [1, 7], got 0"),
        ({"column": 8}, "column must be in [1, 7], got 8"),
        ({"heading": NORTH + 1}, "heading must be in [0, 3], got 4"),
        ({"cells": 0}, "cells must name distinct cells below 49, got [0, 0, 0]"),
        ({"cells": packed([0, 1, 49], 256)}, "cells must name distinct cells below 49, got [0, 1, 49]"),
        ({"order": packed([0, 1, 1], 8)}, "order must name every object once, got [0, 1, 1]"),
        ({"progress": 1}, "progress must be at most the 0 known positions, got 1"),
        ({"progress": 3}, "progress must be in [0, 2], got 3"),
        ({"completed": 1}, "completed must be in [0, 0], got 1"),
        (
            {"order": packed([0, 1, 2], 8), "ruled_out": 0b001},
            "ruled_out must hold objects behind position 0",
        ),
        ({"rewarded": 2}, "rewarded must be in [0, 1], got 2"),
        ({"steps": 301}, "steps must be in [0, 300], got 301"),
    ],
)
def test_a_state_that_cannot_be_is_refused(changes, message):
    config, state = first()
    with pytest.raises(ValueError, match=re.escape(message)):
        rules.check_state(config, state._replace(**changes))


def thrown_back(config):
    return config._replace(on_wrong=rules.BACK)


def test_a_wrong_object_throws_back_to_the_cell_one_came_from():
    config, state = corridor(0, 2, 1)
    state, rewards = walk(thrown_back(config), state, [FORWARD, FORWARD])
    assert rewards == [1, 0] and (state.row, state.column, state.heading) == (1, 2, EAST)
    assert (state.progress, state.paid, state.ruled_out) == (0, 1, 0b010)
    assert rules.tile(config, state, 1, 2) == rules.OBJECT  # it has returned under the agent


def test_one_that_is_thrown_back_or_stands_at_a_wall_has_touched_what_it_walked_onto():
    config, state = corridor(0, 2, 1)
    config = thrown_back(config)
    for actions, touched in [([], 0), ([FORWARD], 1), ([TURN_RIGHT], None), ([TURN_RIGHT] * 3, None)]:
        before, _ = walk(config, state, actions)
        after, _ = walk(config, before, [FORWARD])
        expected = rules.NOTHING if touched is None else touched
        assert rules.touched_between(config, before, after) == expected
        turned, _ = walk(config, before, [TURN_RIGHT])
        assert rules.touched_between(config, before, turned) == rules.NOTHING


def test_an_object_pays_what_was_set():
    config, state = corridor(0, 1, 2)
    state, rewards = walk(config._replace(object_reward=3.0), state, [FORWARD] * 3)
    assert rewards == [3, 3, 3] and state.rewarded == 1


@pytest.mark.parametrize("settings", [{}, {"spacing": 2}, {"spacing": 3, "size": 6}])
def test_episodes_that_begin_at_the_bottom_begin_on_one_free_cell(settings):
    config = rules.configure(**{"size": 5, "num_objects": 2, "start": "bottom"} | settings)
    states = [rules.begin(config, episode_key(4, episode)) for episode in range(4000)]
    side = config.size - 2
    assert {state[:3] for state in states} == {(side, (1 + side) // 2, NORTH)}
    mine = (side - 1) * side + (1 + side) // 2 - 1
    places = itertools.product(range(side), repeat=2)
    allowed = {
        packed([one, other], 256)
        for (one, at), (other, there) in itertools.permutations(enumerate(places), 2)
        if mine not in (one, other) and abs(np.subtract(at, there)).sum() >= config.spacing
    }
    assert {state.cells for state in states} == allowed
    assert_uniform([state.cells for state in states], len(allowed))
    assert_uniform([state.order for state in states], 2)
    for state in states:
        rules.check_state(config, state)


@pytest.mark.parametrize(
    "settings, cells, message",
    [
        ({"spacing": 3}, [0, 8, 40], "cells must name cells at least 3 apart, got [0, 8, 40]"),
        ({"start": "bottom"}, [0, 1, 45], "at least 1 apart, none of them 45, got [0, 1, 45]"),
    ],
)
def test_a_layout_that_cannot_be_drawn_is_refused(settings, cells, message):
    config, state = first(**settings)
    with pytest.raises(ValueError, match=re.escape(message)):
        rules.check_state(config, state._replace(cells=packed(cells, 256)))
