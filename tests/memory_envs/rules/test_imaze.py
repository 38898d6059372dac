import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memory_envs.imaze import IMazeVectorEnv
from memory_envs.policies.reference import RandomPolicy
from memory_envs.rules import imaze
from memory_envs.rules.grid import EAST, FORWARD, NORTH, OBSERVABILITIES, TURN_LEFT, TURN_RIGHT, WEST
from memory_envs.rules.maze import CUE_A, FLOOR, is_open, moved, start_cell
from memory_envs.rules.randomness import episode_key
from tests.support.env_oracles import (
    HEADINGS,
    cut_window,
    drawn_maze,
    play_in_python,
    random_success,
    route,
    solution,
    window,
)

LEGAL = [(9, 1), (9, 3), (9, 5), (11, 3), (13, 5), (15, 3), (15, 5), (19, 7), (5, 1), (7, 1), (7, 3)]


def begun(config: imaze.Config, *, cue: int, heading: int) -> imaze.State:
    """The first state with the given cue and heading, from an episode that has them."""
    for episode in itertools.count():
        state = imaze.begin(config, episode_key(0, episode))
        if (state.cue, state.heading) == (cue, heading):
            return state


def poses(config: imaze.Config):
    for row, column in itertools.product(range(config.size), repeat=2):
        if is_open(config, row, column):
            yield from ((row, column, heading) for heading in HEADINGS)


def at(config: imaze.Config, row: int, column: int, heading: int, cue: int) -> imaze.State:
    return begun(config, cue=cue, heading=0)._replace(row=row, column=column, heading=heading)


@pytest.mark.parametrize("size, view_size", LEGAL)
@pytest.mark.parametrize("cue", [0, 1])
def test_the_window_is_the_picture_of_the_maze_turned_and_cut(size, view_size, cue):
    config = imaze.configure(size=size, view_size=view_size)
    maze = drawn_maze(size, cue)
    for row, column, heading in poses(config):
        expected = cut_window(maze, row, column, heading, view_size)
        assert (window(config, at(config, row, column, heading, cue)) == expected).all()


@pytest.mark.parametrize("start", imaze.STARTS)
@pytest.mark.parametrize("size", range(5, 32, 2))
def test_the_cue_shows_neither_at_the_start_nor_from_the_middle_of_the_stem_downwards(size, start):
    legal = []
    for view_size in range(1, size + 1, 2):
        try:
            config = imaze.configure(size=size, view_size=view_size, start=start)
        except ValueError:
            continue
        legal.append(view_size)
        different = drawn_maze(size, cue=0) != drawn_maze(size, cue=1)
        for row, column, heading in poses(config):
            if row < size // 2 and (row, column) != start_cell(config):
                continue
            assert not cut_window(different, row, column, heading, view_size).any(), (row, column, heading)
    assert legal == [view_size for view_size in range(1, size + 1, 2) if view_size <= size - 4]


@pytest.mark.parametrize("size, view_size, start", [(5, 3, "end"), (7, 5, "end"), (9, 7, "center")])
def test_a_maze_that_shows_the_cue_is_refused_with_settings_that_work(size, view_size, start):
    with pytest.raises(ValueError, match="has to be remembered") as refusal:
        imaze.configure(size=size, view_size=view_size, start=start)
    view, larger = map(int, re.search(r"view_size <= (\d+) or size >= (\d+)", str(refusal.value)).groups())
    imaze.configure(size=size, view_size=view, start=start)
    imaze.configure(size=larger, view_size=view_size, start=start)
    with pytest.raises(ValueError):
        imaze.configure(size=larger - 2, view_size=view_size, start=start)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"size": 8}, "size must be an odd integer, from 5 to 255, got 8"),
        ({"size": 3}, "size must be an odd integer, from 5 to 255, got 3"),
        ({"view_size": 2}, "view_size must be an odd integer, at least 1, got 2"),
        ({"view_size": 11}, "view_size must be at most size=9, got 11"),
        ({"num_cues": 3}, "num_cues must be an even integer, from 2 to 8, got 3"),
        ({"num_cues": 10}, "num_cues must be an even integer, from 2 to 8, got 10"),
        ({"num_cues": 8}, "num_cues must be at most 4 with size=9, for its goals to lie apart, got 8"),
        ({"num_cues": 6, "size": 11}, "num_cues must be at most 4 with size=11"),
        ({"delay": -1}, "delay must be an integer, at least 0, got -1"),
        ({"delay": 2**31}, "delay must be an integer, from 0 to 2147483647, got 2147483648"),
        ({"max_episode_steps": 0}, "max_episode_steps must be an integer, at least 1, got 0"),
        ({"start": "middle"}, "start must be one of 'end', 'center', got 'middle'"),
        ({"step_penalty": -0.1}, "step_penalty must be finite and at least 0, got -0.1"),
        ({"step_penalty": float("nan")}, "step_penalty must be finite and at least 0, got nan"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        imaze.configure(**arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 9.0},
        {"size": True},
        {"delay": "3"},
        {"step_penalty": "0"},
        {"num_cues": 4.0},
        {"endless": 1},
        {"endless": "no"},
    ],
)
def test_settings_of_the_wrong_kind_are_named(arguments):
    with pytest.raises(TypeError, match=f"{next(iter(arguments))} must be"):
        imaze.configure(**arguments)


def test_every_cue_and_heading_begins_equally_often():
    config = imaze.configure()
    states = [imaze.begin(config, episode_key(3, episode)) for episode in range(8000)]
    counts = np.bincount([4 * state.cue + state.heading for state in states], minlength=8)
    assert counts.min() > 900 and counts.max() < 1100  # 1000 expected, standard deviation 30
    assert {(state.row, state.column) for state in states} == {(1, 1)}


def test_from_the_center_the_agent_begins_in_the_middle_of_the_stem():
    state = imaze.begin(imaze.configure(start="center", size=11), episode_key(0, 0))
    assert (state.row, state.column) == (5, 5)


def test_turns_go_round_and_walls_stop():
    config = imaze.configure()
    assert moved(config, 1, 1, NORTH, FORWARD) == (1, 1, NORTH)
    assert moved(config, 1, 1, EAST, FORWARD) == (1, 2, EAST)
    assert moved(config, 1, 1, EAST, TURN_LEFT) == (1, 1, NORTH)
    assert moved(config, 1, 1, NORTH, TURN_RIGHT) == (1, 1, EAST)


@pytest.mark.parametrize("size, view_size", LEGAL)
def test_the_agent_never_leaves_the_corridors(size, view_size):
    config = imaze.configure(size=size, view_size=view_size)
    for pose, action in itertools.product(poses(config), range(imaze.NUM_ACTIONS)):
        row, column, _ = moved(config, *pose, action)
        assert is_open(config, row, column)


@pytest.mark.parametrize("cue", [0, 1])
@pytest.mark.parametrize("right", [True, False])
def test_the_cue_decides_which_goal_is_rewarded(cue, right):
    config = imaze.configure(step_penalty=0.25)
    state = begun(config, cue=cue, heading=0)
    goal = (7, 1) if (cue == 0) == right else (7, 7)
    actions = route(config, (1, 1, state.heading), lambda row, column, _: (row, column) == goal)
    for action in actions:
        state, reward, terminated, truncated = imaze.transition(config, state, action)
    assert (reward, terminated, truncated) == ((1 if right else -1) - 0.25, True, False)
    assert imaze.is_success(config, state) == right


def test_every_step_before_the_goal_costs_the_penalty():
    config = imaze.configure(step_penalty=0.25)
    state = begun(config, cue=0, heading=0)
    _, reward, terminated, truncated = imaze.transition(config, state, TURN_LEFT)
    assert (reward, terminated, truncated) == (-0.25, False, False)


@pytest.mark.parametrize("size, limit", [(5, 72), (9, 150), (13, 272), (15, 350)])
def test_time_limits_follow_the_formula(size, limit):
    assert imaze.configure(size=size, view_size=1).max_steps == limit
    assert imaze.configure(size=size, view_size=1, delay=10).max_steps == limit + 10
    assert imaze.configure(size=size, view_size=1, delay=10, max_episode_steps=7).max_steps == 7


def test_the_time_limit_truncates_and_a_goal_reached_with_the_last_step_terminates():
    state = begun(imaze.configure(), cue=0, heading=0)
    actions = route(imaze.configure(), (1, 1, 0), lambda row, column, _: (row, column) == (7, 1))
    for limit, ending in ((len(actions), (True, False)), (len(actions) - 1, (False, True))):
        config = imaze.configure(max_episode_steps=limit)
        played = state
        for action in actions[:limit]:
            played, _, terminated, truncated = imaze.transition(config, played, action)
        assert (terminated, truncated) == ending


@pytest.mark.parametrize("size, looking, touching", [(9, 20, 24), (15, 38, 42)])
def test_the_longest_of_the_shortest_solutions_is_as_calibrated(size, looking, touching):
    config = imaze.configure(size=size)
    states = [begun(config, cue=cue, heading=heading) for cue in (0, 1) for heading in HEADINGS]
    assert max(len(solution(config, state)) for state in states) == looking
    assert max(len(solution(config, state, reach=0)) for state in states) == touching


@pytest.mark.parametrize("cue", [0, 1])
def test_twins_differ_in_the_agents_own_cell_alone(cue):
    """`full` shows the cue from the first step on, `perfect_memory` from the first sight of it on."""
    route_past_the_cue = [FORWARD] * 4 + [TURN_LEFT] * 2 + [FORWARD] * 3 + [TURN_LEFT] + [FORWARD] * 2
    shown = {}
    for name in OBSERVABILITIES:
        config = imaze.configure(observability=name)
        state, shown[name] = begun(config, cue=cue, heading=EAST), []
        for action in [None, *route_past_the_cue]:
            if action is not None:
                state, *_ = imaze.transition(config, state, action)
            seen = window(config, state)
            here = cut_window(drawn_maze(9, cue), state.row, state.column, state.heading, 3)
            shown[name].append(int(seen[2, 1]))
            seen[2, 1] = here[2, 1]
            assert (seen == here).all()
    cue_tile, steps, first_sight = CUE_A + cue, len(route_past_the_cue) + 1, 4
    assert shown["partial"] == [FLOOR] * steps
    assert shown["full"] == [cue_tile] * steps
    assert shown["perfect_memory"] == [FLOOR] * first_sight + [cue_tile] * (steps - first_sight)


def test_facts_tell_the_cue_the_phase_the_steps_since_the_cue_and_the_cue_as_far_as_it_was_seen():
    config = imaze.configure(delay=2)
    state, facts = begun(config, cue=1, heading=EAST), np.zeros(4, dtype=np.int64)
    told = []
    for action in [FORWARD] * 4 + [TURN_LEFT, FORWARD, FORWARD, FORWARD]:
        state, *_ = imaze.transition(config, state, action)
        imaze.write_facts(config, state, facts)
        told.append(facts.tolist())
    unseen, held = [1, imaze.CUE_UNSEEN, -1, 0], [[1, imaze.CUE_LEFT_BEHIND, n, 2] for n in (1, 2, 3, 4)]
    assert told == [unseen] * 3 + [[1, imaze.CUE_IN_SIGHT, 0, 2]] + held


@settings(deadline=None)
@given(st.integers(0, 2**20), st.integers(0, 2**32))
def test_events_tell_the_right_goal_and_a_wrong_one_that_the_cue_spoke_against(episode, seed):
    config = imaze.configure(size=5, view_size=1)
    state, events = imaze.begin(config, episode_key(1, episode)), np.full(2, -7, dtype=np.int64)
    seen = state.seen_at >= 0
    for action in np.random.default_rng(seed).choice([0, 1, 2, 2], size=100).tolist():
        before = state
        state, reward, terminated, truncated = imaze.transition(config, state, action)
        seen = seen or state.sight != imaze.CUE_UNSEEN
        imaze.write_events(config, before, state, events)
        assert events.tolist() == [1 + state.cue if reward == 1 else 0, int(reward == -1 and seen)]
        if terminated or truncated:
            break


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 2**20), st.lists(st.integers(0, 2), max_size=400))
def test_a_delay_holds_the_agent_once_and_changes_nothing_else(delay, episode, actions):
    """Taking the held steps out of a delayed episode leaves the episode without a delay."""
    free, held = imaze.configure(), imaze.configure(delay=delay)
    state = imaze.begin(free, episode_key(1, episode))
    late = imaze.begin(held, episode_key(1, episode))
    waited = 0
    for action in actions:
        while late.hold > 0:
            before = late
            late, *_ = imaze.transition(held, late, FORWARD)
            assert (late.row, late.column, late.heading) == (before.row, before.column, before.heading)
            waited += 1
        state, reward, terminated, truncated = imaze.transition(free, state, action)
        late, late_reward, late_terminated, late_truncated = imaze.transition(held, late, action)
        clock = {"steps": state.steps, "seen_at": state.seen_at}
        assert late._replace(**clock, hold=0) == state
        assert late.steps == state.steps + waited
        assert late.seen_at in (state.seen_at, state.seen_at + waited)
        assert (reward, terminated) == (late_reward, late_terminated)
        if terminated or truncated:
            break
    assert waited in (0, delay)
    assert waited == 0 or late.sight == imaze.CUE_LEFT_BEHIND


def test_the_delay_begins_when_the_seen_cue_leaves_the_window():
    config = imaze.configure(delay=5)
    state = begun(config, cue=1, heading=EAST)
    for _ in range(4):
        state, *_ = imaze.transition(config, state, FORWARD)
    assert (state.sight, state.hold) == (imaze.CUE_IN_SIGHT, 0)
    state, *_ = imaze.transition(config, state, TURN_LEFT)
    assert (state.heading, state.sight, state.hold) == (NORTH, imaze.CUE_LEFT_BEHIND, 5)
    for left in (4, 3, 2, 1, 0):
        state, *_ = imaze.transition(config, state, TURN_LEFT)
        assert (state.heading, state.hold) == (NORTH, left)
    state, *_ = imaze.transition(config, state, TURN_LEFT)
    assert state.heading == WEST


@pytest.mark.parametrize(
    "field, value",
    [
        ("row", 9),
        ("heading", 4),
        ("cue", -1),
        ("steps", 151),
        ("seen_at", 1),
        ("hold", 1),
        ("outcome", 2),
    ],
)
def test_a_state_out_of_range_is_named(field, value):
    config = imaze.configure()
    state = begun(config, cue=0, heading=0)
    imaze.check_state(config, state)
    with pytest.raises(ValueError, match=f"state field {field} must be in"):
        imaze.check_state(config, state._replace(**{field: value}))


def test_a_state_inside_the_wall_is_refused():
    config = imaze.configure()
    with pytest.raises(ValueError, match="inside the wall at row 3, column 1"):
        imaze.check_state(config, begun(config, cue=0, heading=0)._replace(row=3))


def success_rate(envs: IMazeVectorEnv, episodes_per_lane: int) -> float:
    """Share of successes; each lane plays equally many episodes, so that short ones are not favoured."""
    policy = RandomPolicy(envs.action_space, seed=0)
    observations, _ = envs.reset(seed=0)
    ended = np.zeros(envs.num_envs, dtype=int)
    successes = 0
    while (ended < episodes_per_lane).any():
        observations, _, terminated, truncated, infos = envs.step(policy(observations))
        counted = ended < episodes_per_lane
        successes += int((infos["is_success"] & counted).sum())
        ended += terminated | truncated
    return successes / (episodes_per_lane * envs.num_envs)


@pytest.mark.parametrize("size, exact", [(9, 0.0355), (15, 0.0121)])
def test_a_random_policy_succeeds_as_rarely_as_calibrated(size, exact):
    """The exact value, and the share of 40,000 episodes within four standard errors of it."""
    assert abs(random_success(size, imaze.configure(size=size).max_steps) - exact) < 5e-5
    standard_error = (exact * (1 - exact) / 40_000) ** 0.5
    assert abs(success_rate(IMazeVectorEnv(2000, size=size), 20) - exact) < 4 * standard_error


def test_the_solution_succeeds_whatever_the_episode():
    config = imaze.configure(size=15, view_size=5, start="center")
    for episode in range(40):
        first = imaze.begin(config, episode_key(5, episode))
        *_, last = play_in_python(config, 5, episode, solution(config, first))
        assert last[2:] == (1.0, True, False)
