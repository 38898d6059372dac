"""Privileged parts: what training may be shown beside an observation, against what they are said to be."""

import math

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env, data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as check_for_sb3

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.imaze import TASK as IMAZE
from memory_envs.imaze import IMazeEnv
from memory_envs.meta_fetch import TASK as META_FETCH
from memory_envs.meta_fetch import MetaFetchEnv
from memory_envs.policies import PerfectMemoryPolicy
from memory_envs.stepping.privileged import KINDS
from memory_envs.wrappers import KeysToInfo

ENVS = {"MemoryEnvs/IMaze-v0": IMazeEnv, "MemoryEnvs/MetaFetch-4-v0": MetaFetchEnv}
WALK = {"p": [0.12, 0.22, 0.66]}


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("env_id", ENVS)
def test_lanes_equal_single_environments(env_id, mode):
    settings = {"privileged": list(KINDS), "max_episode_steps": 25, "observation": "tiles"}
    settings |= {"num_objects": 4} if "Fetch" in env_id else {}
    ours = gym.make_vec(env_id, num_envs=3, autoreset_mode=mode, **settings)
    theirs = SyncVectorEnv([lambda: ENVS[env_id](**settings)] * 3, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    assert data_equivalence(ours.reset(seed=3), theirs.reset(seed=3), exact=True)
    generator, ended = np.random.default_rng(0), 0
    for _ in range(120):
        actions = generator.choice(3, size=3, **WALK)
        found, expected = ours.step(actions), theirs.step(actions)
        assert data_equivalence(found, expected, exact=True)
        over = found[2] | found[3]
        ended += int(over.sum())
        if mode == AutoresetMode.DISABLED and over.any():
            options = {"reset_mask": over}
            assert data_equivalence(ours.reset(options=options), theirs.reset(options=options), exact=True)
    assert ended > 5


@pytest.mark.parametrize("observation", ["onehot", "tiles", "rgb"])
@pytest.mark.parametrize("env_id", ENVS)
def test_full_is_what_the_twin_sees_and_memory_what_infos_tell(env_id, observation):
    shown = {"observation": observation, "dtype": "float32"}
    env = gym.make(env_id, privileged=KINDS, analysis=True, **shown)
    plain, twin = gym.make(env_id, **shown), gym.make(env_id, observability="full", **shown)
    targets = env.unwrapped.memory_target_spaces
    (seen, info), (alone, _), (full, _) = env.reset(seed=4), plain.reset(seed=4), twin.reset(seed=4)
    generator, differed = np.random.default_rng(1), 0
    for _ in range(300):
        assert seen in env.observation_space
        assert (seen["observation"] == alone).all() and (seen["full"] == full).all()
        differed += int((seen["full"] != seen["observation"]).any())
        told = [name for name in targets if name in env.unwrapped.task.rules.FACTS]
        assert np.flatnonzero(seen["memory"]).tolist() == ones_at([(info[n], targets[n].n) for n in told])
        action = int(generator.choice(3, **WALK))
        (seen, *_, over, info), (alone, *_), (full, *_) = (each.step(action) for each in (env, plain, twin))
        if over or env.unwrapped.get_state()["phase"] == 2:
            (seen, info), (alone, _), (full, _) = env.reset(), plain.reset(), twin.reset()
    assert differed > 100


def ones_at(values):
    """Where one-hot vectors in a row have their ones."""
    starts = np.cumsum([0, *(number for _, number in values)])
    return [int(start + value) for start, (value, _) in zip(starts, values, strict=False)]


def relative(state, row, column):
    """How far ahead and to the right a cell lies, by turning the plane: east is 1, north is i."""
    towards = complex(column - state["column"], state["row"] - row)
    turned = towards * (1j ** state["heading"])  # headings turn to the right
    return [round(turned.real), round(-turned.imag)]


def maze_numbers(state, size):
    last = size - 2
    goals = [(last, 1), (last, last)]
    cells = [(1, last), *goals, goals[state["cue"]]]
    places = [number / size for cell in cells for number in relative(state, *cell)]
    return [*places, (-1, 1)[state["cue"]], state["hold"] / 6]


def room_numbers(state, size, count):
    side = size - 2
    order = [(state["order"] >> (3 * place)) & 7 for place in range(count)]
    cells = [(state["cells"] >> (8 * item)) & 255 for item in range(count)]
    due = order[state["progress"] :] + order[: state["progress"]]
    numbers = np.zeros((6, 4))
    for item in range(count):
        place = relative(state, 1 + cells[item] // side, 1 + cells[item] % side)
        there = item in order[state["progress"] :]
        numbers[item] = [*(each / size for each in place), there, (count - due.index(item)) / count]
    pays = state["progress"] + 1 > state["paid"]
    east = [side - state["column"], side - state["row"], state["column"] - 1, state["row"] - 1]
    walls = [each / size for each in east[state["heading"] :] + east[: state["heading"]]]
    return [*numbers.ravel(), *numbers[due[0]][:2], pays, *walls]


@pytest.mark.parametrize("settings", [{}, {"size": 15, "delay": 6}])
def test_the_state_of_a_maze_says_where_cue_and_goals_lie(settings):
    env = IMazeEnv(privileged="state", **{"delay": 6, **settings})
    generator = np.random.default_rng(2)
    check_states(env, lambda state: maze_numbers(state, env.size), lambda _: int(generator.choice(3, **WALK)))


@pytest.mark.parametrize("count", [3, 4, 6])
def test_the_state_of_a_room_says_where_the_objects_lie_and_how_soon_each_is_due(count):
    env = MetaFetchEnv(privileged="state", num_objects=count, max_episode_steps=200)
    check_states(env, lambda state: room_numbers(state, env.size, count), PerfectMemoryPolicy(env))


def check_states(env, expected, policy):
    """Play and compare; all numbers that are not always 0 must have varied."""
    (seen, _), met = env.reset(seed=0), []
    for _ in range(1000):
        numbers = expected(env.get_state())
        assert len(numbers) == len(env.task.rules.STATE) and seen["state"].dtype == np.float32
        np.testing.assert_allclose(seen["state"], numbers, rtol=1e-6, atol=1e-7)
        assert seen in env.observation_space
        met.append(numbers)
        seen, _, terminated, truncated, _ = env.step(policy(seen))
        if terminated or truncated:
            seen, _ = env.reset()
            getattr(policy, "reset", lambda: None)()
    used = np.abs(met).max(axis=0) > 0
    assert (np.std(met, axis=0)[used] > 0).all() and used.sum() >= 9


@pytest.mark.parametrize("env_id", ENVS)
def test_checkers_are_content(env_id, recwarn):
    check_env(ENVS[env_id](privileged=KINDS), skip_render_check=True)
    check_for_sb3(ENVS[env_id](privileged=KINDS), warn=False)


def test_nothing_is_shown_that_was_not_asked_for():
    assert isinstance(gym.make("MemoryEnvs/IMaze-v0").observation_space, spaces.Box)
    env = gym.make("MemoryEnvs/IMaze-v0", privileged="memory")
    assert set(env.observation_space) == set(env.reset(seed=0)[0]) == {"observation", "memory"}
    assert gym.make(env.spec).observation_space == env.observation_space


@pytest.mark.parametrize(
    "privileged, kind, message",
    [
        ("states", ValueError, "privileged may name full, memory, state in I-Maze, got 'states', did you "),
        (["state", "state"], ValueError, r"privileged must name each kind once, got \['state', 'state'\]"),
        (True, TypeError, "privileged must be a name or a list of names, got True"),
        ([3], TypeError, r"privileged must be a name or a list of names, got \[3\]"),
    ],
)
def test_what_cannot_be_shown_is_refused(privileged, kind, message):
    for make in (gym.make, gym.make_vec):
        with pytest.raises(kind, match=message):
            make("MemoryEnvs/IMaze-v0", privileged=privileged)


def test_a_task_offers_what_it_has(t_maze):
    with pytest.raises(ValueError, match="privileged may name nothing in T-maze, got 'state'"):
        t_maze.TMazeEnv(privileged="state")


def test_parts_can_be_told_as_memory_targets_instead():
    env = KeysToInfo(gym.make("MemoryEnvs/IMaze-v0", privileged="state"), "state")
    observation, info = env.reset(seed=0)
    assert set(observation) == {"observation"} and info["state"] in env.memory_target_spaces["state"]


def test_reference_policies_read_what_the_agent_sees():
    env = gym.make("MemoryEnvs/IMaze-v0", privileged="state")
    policy, total = PerfectMemoryPolicy(env), 0.0
    for seed in range(3):
        (seen, _), over = env.reset(seed=seed), False
        policy.reset()
        while not over:
            seen, reward, terminated, truncated, _ = env.step(policy(seen))
            total, over = total + reward, terminated or truncated
    assert math.isclose(total, 3.0)


def test_both_tasks_say_their_state_by_as_many_numbers_as_they_name():
    assert [len(task.rules.STATE) for task in (IMAZE, META_FETCH)] == [10, 31]
