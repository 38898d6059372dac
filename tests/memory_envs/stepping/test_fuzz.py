"""Any options make a legal environment or are refused by name, and any play keeps what must hold."""

import inspect
import math

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import load_env_creator
from gymnasium.utils.env_checker import data_equivalence
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from memory_envs.registry.envs import ENVS
from memory_envs.stepping.privileged import lane_of

TASKS = {row.entry_point: row.vector_entry_point for row in ENVS}

LEGAL = {
    "size": st.sampled_from([5, 7, 9, 11, 15, 17]) | st.integers(4, 18),
    "view_size": st.sampled_from([1, 3, 5]) | st.integers(1, 9),
    "start": st.sampled_from(["end", "center", "random", "bottom"]),
    "spacing": st.integers(1, 3),
    "on_wrong": st.sampled_from(["stay", "back"]),
    "object_reward": st.floats(0, 10) | st.integers(1, 3),
    "step_penalty": st.floats(0, 10) | st.integers(0, 3),
    "delay": st.integers(0, 40),
    "num_cues": st.sampled_from([2, 4, 6, 8]) | st.integers(1, 9),
    "endless": st.booleans(),
    "num_objects": st.integers(2, 6),
    "split": st.sampled_from(["all", "train", "test"]),
    "observation": st.sampled_from(["onehot", "tiles", "rgb"]),
    "dtype": st.sampled_from(["uint8", "float32"]),
    "observability": st.sampled_from(["partial", "full", "perfect_memory"]),
    "analysis": st.booleans(),
    "privileged": st.sampled_from([(), "full", ["memory", "state"], ["full", "memory", "state"]]),
    "max_episode_steps": st.none() | st.integers(1, 500),
    "render_mode": st.sampled_from([None, "rgb_array", "ansi"]),
    "render_view": st.sampled_from(["both", "room", "agent"]),
    "render_panel": st.booleans(),
}
"""What each option may be, roughly: some combinations are refused."""

STRANGE = [
    *(None, True, np.False_, "", "9", b"end", (), 3.0, 1j, math.nan, math.inf, -math.inf, 1e300),
    *(-1, 0, 2**31, -(2**63) - 1, np.int8(5)),
]
"""What options are not, or not all of them."""

EXTREME = [[3], {}, {"end"}, np.complex64(1), 2**63, np.uint64(2**63), 10**400]
"""What cannot be a key, and numbers no machine word holds."""

STRANGER = st.sampled_from(STRANGE) | st.integers(-5, 4) | st.text(max_size=5)


def long_walk(seed: int, steps: int) -> list[int]:
    """Drawn actions that get about: short lists, which hypothesis prefers, meet neither objects nor goals."""
    return np.random.default_rng(seed).choice(3, size=steps, p=[0.15, 0.15, 0.7]).tolist()


WALKS = st.lists(st.integers(0, 2), max_size=40) | st.builds(
    long_walk, st.integers(0, 2**32 - 1), st.integers(100, 500)
)


def parameters(entry_point: str) -> list[str]:
    return list(inspect.signature(load_env_creator(entry_point)).parameters)


def options(entry_point: str) -> st.SearchStrategy[dict]:
    """Some of the options of a class."""
    return st.fixed_dictionaries({}, optional={name: LEGAL[name] for name in parameters(entry_point)})


def strange_options(entry_point: str) -> st.SearchStrategy[dict]:
    """Options of which one or two are not what they should be: with more, the first would hide the others."""
    strange = st.dictionaries(st.sampled_from(parameters(entry_point)), STRANGER, min_size=1, max_size=2)
    return st.builds(lambda legal, strange: legal | strange, options(entry_point), strange)


def built(entry_point: str, given: dict):
    """The environment, or the error that refused it."""
    try:
        return load_env_creator(entry_point)(**given)
    except (TypeError, ValueError) as refusal:
        return refusal


@pytest.mark.parametrize("entry_point", TASKS)
def test_every_option_is_fuzzed(entry_point):
    assert set(parameters(entry_point)) <= set(LEGAL)
    assert set(parameters(TASKS[entry_point])) <= set(LEGAL) | {"num_envs", "autoreset_mode"}


def assert_built_or_refused(entry_point: str, given: dict) -> None:
    """Single and vector environments are built and agree, or both name an option and what it was."""
    single, vector = built(entry_point, given), built(TASKS[entry_point], given | {"num_envs": 2})
    if not isinstance(single, Exception):
        observations, _ = vector.reset(seed=3)
        observation, _ = single.reset(seed=3)
        assert observation in single.observation_space
        assert data_equivalence(lane_of(observations, 0), observation)
        return
    for refusal in (single, vector):
        assert isinstance(refusal, Exception)
        named = [name for name in given if name in str(refusal)]
        assert named, f"{refusal!r} names none of {given}"
        values = [text for name in named for text in (repr(given[name]), str(given[name]))]
        assert any(value in str(refusal) for value in values), f"{refusal!r} does not tell what {named} was"


@pytest.mark.parametrize("entry_point", TASKS)
@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_options_make_an_environment_or_an_error_that_names_one(entry_point, data):
    assert_built_or_refused(entry_point, data.draw(options(entry_point) | strange_options(entry_point)))


OPTIONS = [(entry_point, name) for entry_point in TASKS for name in parameters(entry_point)]


@pytest.mark.parametrize("entry_point, name", OPTIONS)
def test_strange_values_are_refused_by_name(entry_point, name):
    for value in STRANGE:
        assert_built_or_refused(entry_point, {name: value})


@pytest.mark.parametrize("entry_point, name", OPTIONS)
def test_extreme_values_are_refused_by_name(entry_point, name):
    for value in EXTREME:
        assert_built_or_refused(entry_point, {name: value})


@pytest.mark.parametrize("entry_point", TASKS)
@settings(deadline=None, max_examples=100)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), actions=WALKS)
def test_any_play_keeps_what_must_hold(entry_point, data, seed, actions):
    env = built(entry_point, data.draw(options(entry_point)))
    assume(not isinstance(env, Exception))
    check = CHECKS[type(env).__name__]
    observation, info = env.reset(seed=seed)
    before, names = env.get_state(), set(info)
    check_visible(env, observation, info, names)
    check(env, before, None, 0.0, False)
    for step, action in enumerate(actions, start=1):
        observation, reward, terminated, truncated, info = env.step(action)
        after = env.get_state()
        check_visible(env, observation, info, names)
        assert type(reward) is float and math.isfinite(reward)
        assert after["steps"] == step <= env.config.max_steps
        assert truncated == (step == env.config.max_steps and not terminated)
        check(env, after, before, reward, terminated)
        before = after
        if terminated or truncated:
            with pytest.raises(gymnasium.error.ResetNeeded):
                env.step(action)
            break
    assert env.render_mode is None or len(env.render()) > 0


def check_visible(env, observation, info, names) -> None:
    """What comes back is in its space, and its state is legal to the environment itself."""
    assert observation in env.observation_space and data_equivalence(observation, env.observe())
    assert set(info) == names
    env.set_state(env.get_state())


def check_walk(before, after, open_cells) -> None:
    """The agent walks one cell ahead or turns a quarter, or nothing, and never into a wall."""
    ahead = {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}
    assert (after["row"], after["column"]) in open_cells
    if before is None:
        return
    step = (after["row"] - before["row"], after["column"] - before["column"])
    turn = (after["heading"] - before["heading"]) % 4
    assert turn in (0, 1, 3) and step in ((0, 0), ahead[before["heading"]]) and (turn == 0 or step == (0, 0))


def check_maze(env, after, before, reward, terminated) -> None:
    """Only goals pay, by the cue, and end an episode, or the corridor, in which the cue never changes."""
    last, middle = env.config.size - 2, env.config.size // 2
    goals = {(last, 1): 0, (last, last): 1}
    for goal in range(2, env.config.num_cues, 2):
        goals |= {(last - 1, goal): goal, (last - 1, last + 1 - goal): goal + 1}
    bars = {(row, column) for row in (1, last) for column in range(1, last + 1)}
    open_cells = bars | {(row, middle) for row in range(1, last + 1)} | set(goals)
    is_new = before is not None and after["corridor"] != before["corridor"]
    check_walk(None if is_new else before, after, open_cells)
    if before is None:
        return
    here = (after["row"], after["column"])
    if is_new:
        assert env.config.endless == 1 and after["corridor"] == before["corridor"] + 1 and here not in goals
        step = {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}[before["heading"]]
        here = (before["row"] + step[0], before["column"] + step[1])
    chosen = goals.get(here)
    assert (is_new or terminated) == (chosen is not None) and not (is_new and terminated)
    value = 0 if chosen is None else 1 if chosen == before["cue"] else -1
    assert reward == value - env.config.step_penalty
    assert after["right"] == before["right"] + (is_new and value == 1)
    if is_new:
        return
    assert after["cue"] == before["cue"]
    if before["hold"] > 0:
        assert all(after[name] == before[name] for name in ("row", "column", "heading"))


def check_room(env, after, before, reward, terminated) -> None:
    """Objects are there or fetched, in the hidden order; each position pays once until all are."""
    inside = range(1, env.config.size - 1)
    check_walk(before, after, {(row, column) for row in inside for column in inside})
    count = env.config.num_objects
    cells = [divmod((after["cells"] >> (8 * item)) & 255, env.config.size - 2) for item in range(count)]
    order = [(after["order"] >> (3 * position)) & 7 for position in range(count)]
    assert len(set(cells)) == count and sorted(order) == list(range(count)) and not terminated
    if before is None:
        assert (after["row"] - 1, after["column"] - 1) not in cells
        return
    assert (after["cells"], after["order"]) == (before["cells"], before["order"])
    progress, paid, completed = before["progress"], before["paid"], before["completed"]
    here = (after["row"], after["column"])
    present = {cells[item]: item for item in order[progress:]}
    step = {0: (0, 1), 1: (1, 0), 2: (0, -1), 3: (-1, 0)}[before["heading"]]
    ahead = (before["row"] + step[0], before["column"] + step[1])
    put_back = env.config.on_wrong == 1 and before["heading"] == after["heading"]
    walked_onto = here if here != (before["row"], before["column"]) else ahead if put_back else (0, 0)
    touched = present.get((walked_onto[0] - 1, walked_onto[1] - 1))
    expected = 0.0
    if touched is not None and touched == order[progress]:
        progress, expected = progress + 1, float(progress >= paid)
        assert here != (before["row"], before["column"])
        paid = max(paid, progress)
    elif touched is not None:
        progress = 0
    if progress == count:
        progress, paid, completed = 0, 0, completed + 1
    assert (after["progress"], after["paid"], after["completed"]) == (progress, paid, completed)
    assert expected == after["rewarded"] and reward == expected * env.config.object_reward


CHECKS = {"IMazeEnv": check_maze, "MetaFetchEnv": check_room}
