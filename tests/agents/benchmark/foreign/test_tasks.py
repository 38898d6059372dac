"""The tasks of other people as Gymnasium environments."""

import importlib.util
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from agents.benchmark.foreign.tasks import TASKS, TaskEnv
from agents.vec_env.make import make_lanes
from memory_envs.testing import check_determinism

INSTALLED = [task for task in TASKS.values() if task.is_installed]


@pytest.mark.parametrize("stack", [1, 4])
@pytest.mark.parametrize("task", INSTALLED, ids=lambda task: task.name)
def test_each_keeps_gymnasiums_rules(task, stack):
    env = gymnasium.make(task.env, stack=stack)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "(?s).*infinity")  # of CartPole's velocities
        check_env(env.unwrapped, skip_render_check=True)
    assert env.spec.make().observation_space == env.observation_space


@pytest.mark.parametrize("task", INSTALLED, ids=lambda task: task.name)
def test_each_runs_in_lanes_and_its_best_return_is_not_exceeded(task):
    lanes = make_lanes(task.env, 3, {"stack": 2})
    lanes.seed(0)
    assert len(lanes.reset()) == 3
    returns = []
    for _ in range(600):
        _, _, _, infos = lanes.step(np.array([lanes.action_space.sample() for _ in range(3)]))
        returns += [info["episode"]["r"] for info in infos if "episode" in info]
    assert task.maximum is None or max(returns, default=0.0) <= task.maximum + 1e-6


@pytest.mark.parametrize("name", ["RepeatPreviousEasy", "MemoryChain10", "CartPoleWithoutVelocities"])
def test_a_seed_decides_everything(name):
    check_determinism(TASKS[name].env)


def test_cart_pole_without_velocities_shows_position_and_angle():
    whole, masked = gymnasium.make("CartPole-v1"), gymnasium.make(TASKS["CartPoleWithoutVelocities"].env)
    observation, seen = whole.reset(seed=4)[0], masked.reset(seed=4)[0]
    for action in (0, 1, 1, 1):
        assert seen.tolist() == [observation[0], observation[2]]
        observation, seen = whole.step(action)[0], masked.step(action)[0]


def test_a_stack_has_the_latest_observation_last_and_zeros_first():
    env = gymnasium.make(TASKS["RepeatPreviousEasy"].env, stack=4)
    suit = np.flatnonzero(env.reset(seed=0)[0])
    assert len(suit) == 1 and suit[0] >= 12  # one-hot, in the last of four places
    first, _, _, _, _ = env.step(0)
    assert np.flatnonzero(first)[0] == suit[0] - 4 and first.sum() == 2


def test_what_is_not_installed_is_told_with_its_extra(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "minigrid" else find(name, *more)
    )
    task = TASKS["DoorKey"]
    assert not task.is_installed
    assert task.missing == (
        'DoorKey needs minigrid, which is not installed: pip install "memory-envs[foreign]"'
    )


def test_minigrids_codes_are_written_one_hot():
    pytest.importorskip("minigrid")
    env = gymnasium.make(TASKS["MemoryS7"].env)
    seen = env.reset(seed=0)[0]
    parts = np.split(seen, np.cumsum([49 * 11, 49 * 6, 49 * 3]))
    assert [float(part.sum()) for part in parts] == [49, 49, 49, 1]
    told = env.unwrapped.env.unwrapped.gen_obs()
    kinds, colours, states = (part.reshape(7, 7, -1).argmax(axis=2) for part in parts[:3])
    assert np.array_equal(np.stack([kinds, colours, states], axis=2), told["image"])
    assert parts[3].argmax() == told["direction"]


def test_unknown_tasks_and_stacks_are_refused():
    with pytest.raises(ValueError, match="there is no task 'RepeatPrevious', did you mean 'RepeatPreviousH"):
        TaskEnv("RepeatPrevious")
    with pytest.raises(ValueError, match="stack must be at least 1, got 0"):
        TaskEnv("CartPole", stack=0)


def test_pendulum_without_velocity_shows_the_angle_and_takes_torques():
    whole, masked = (
        gymnasium.make(name)
        for name in ("Pendulum-v1", "agents.benchmark.foreign:Foreign/PendulumWithoutVelocity-v0")
    )
    observation, seen = whole.reset(seed=4)[0], masked.reset(seed=4)[0]
    assert masked.action_space == whole.action_space
    for torque in np.linspace(-2, 2, 200, dtype=np.float32):
        assert seen.tolist() == observation[:2].tolist() and masked.observation_space.contains(seen)
        (observation, *outcome), (seen, *same) = whole.step([torque]), masked.step([torque])
        assert same[:3] == outcome[:3]
    assert same[2]  # cut off after 200 steps
