"""Reference policies that are asked while somebody else plays."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from memory_envs.policies import REFERENCES, PerfectMemoryPolicy, ReferenceLanes, reference_policy
from memory_envs.rules import imaze
from memory_envs.solvers.graph import enumerate_states
from tests.support.plays import FETCH, IMAZE

LANES, STEPS = 3, 60


def vector(env_id=IMAZE, lanes=LANES, **settings):
    return gymnasium.make_vec(env_id, num_envs=lanes, autoreset_mode=AutoresetMode.SAME_STEP, **settings)


def strangers_steps(envs, steps=STEPS, seed=0):
    """What to do in each step of somebody who plays at random, and in which lanes episodes have begun."""
    generator = np.random.default_rng(seed)
    envs.reset(seed=seed)
    begun = np.ones(envs.num_envs, dtype=bool)
    for _ in range(steps):
        actions = generator.integers(3, size=envs.num_envs)
        yield begun, actions
        _, _, terminated, truncated, _ = envs.step(actions)
        begun = terminated | truncated


@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
@pytest.mark.parametrize("name", REFERENCES)
def test_each_lane_is_advised_as_a_single_environment_is(name, env_id):
    envs, singles = vector(env_id, max_episode_steps=40), []
    lanes = ReferenceLanes(name, envs, seed=0)
    for lane in range(LANES):
        env = gymnasium.make(env_id, max_episode_steps=40)
        observation, _ = env.reset(seed=lane)
        singles.append([env, reference_policy(name, env, seed=0), observation])
    for begun, actions in strangers_steps(envs):
        chances = lanes.chances(begun)
        np.testing.assert_allclose(chances.sum(axis=1), 1.0)
        for lane, single in enumerate(singles):
            env, policy, observation = single
            if begun[lane]:
                policy.reset()
            action = policy(observation)
            if name == "random":
                assert (chances[lane] == 1 / 3).all()
            elif (name, env_id) != ("memoryless", FETCH):  # which draws
                good = chances[lane] > 0
                assert good.argmax() == action and (chances[lane][good] == 1 / good.sum()).all()
            policy.took(actions[lane])
            single[2], _, terminated, truncated, _ = env.step(actions[lane])
            if terminated or truncated:
                single[2], _ = env.reset()
        lanes.took(actions)


def test_the_belief_is_that_of_who_played_by_brute_force():
    """Possible are the starts that show, under the actions that were done, what was seen."""
    envs = vector(lanes=2)
    lanes, config = ReferenceLanes("perfect_memory", envs), envs.config
    form = envs.task.finite_form(config)
    task = enumerate_states(form)
    view = np.empty((config.view_size, config.view_size), dtype=np.uint8)
    possible = [[], []]
    for begun, actions in strangers_steps(envs, 40):
        lanes.chances(begun)
        seen = envs.observe().reshape(2, 9, -1).argmax(axis=2)
        for lane in range(2):
            states = [state for _, state in imaze.starts(config)] if begun[lane] else possible[lane]
            fitting = []
            for state in states:
                imaze.observe(config, state, view)
                fitting += [state] if (view.reshape(-1) == seen[lane]).all() else []
            belief = lanes._advisors[lane]._solution.beliefs.states[lanes._advisors[lane]._belief]
            assert {task.states[number] for number, _ in belief} == {form.lasting(each) for each in fitting}
            possible[lane] = [imaze.transition(config, state, int(actions[lane]))[0] for state in fitting]
        lanes.took(actions)


@pytest.mark.parametrize("detour", [5, 30])
def test_perfect_memory_finds_the_goal_from_wherever_a_stranger_has_led_it(detour):
    env, generator = gymnasium.make(IMAZE), np.random.default_rng(1)
    policy = PerfectMemoryPolicy(env)
    for seed in range(8):
        observation, _ = env.reset(seed=seed)
        policy.reset()
        ended, info = False, {}
        for step in range(150):
            action = policy(observation)
            if step < detour:
                action = int(generator.integers(2))  # turns: no goal is reached by chance
                policy.took(action)
            observation, _, terminated, truncated, info = env.step(action)
            if ended := terminated or truncated:
                break
        assert ended and info["is_success"]


def test_a_policy_that_is_not_told_contradicts_what_it_sees():
    envs = vector()
    lanes = ReferenceLanes("perfect_memory", envs)
    with pytest.raises(gymnasium.error.ResetNeeded, match="cannot follow"):
        for begun, _actions in strangers_steps(envs):
            chances = lanes.chances(begun)
            lanes.took(chances.argmax(axis=1))  # its own, which was not done


def test_fetching_from_memory_keeps_its_map_while_a_stranger_walks():
    envs, compared = vector(FETCH, lanes=6, max_episode_steps=60), 0
    lanes = ReferenceLanes("perfect_memory", envs)
    for begun, actions in strangers_steps(envs, 59):
        lanes.chances(begun)
        for advisor, state in zip(lanes._advisors, lanes._states(), strict=True):
            row, column, heading = advisor._left_pose  # where it was asked
            if heading == state.heading:  # its north is that of the room
                assert (state.row - row, state.column - column) in advisor._map.origins
                compared += 1
        lanes.took(actions)
    assert compared >= 59


def test_a_dict_of_privileged_parts_is_read_too():
    envs = vector(privileged="state")
    lanes = ReferenceLanes("perfect_memory", envs)
    for begun, actions in strangers_steps(envs, 5):
        assert lanes.chances(begun).shape == (LANES, 3)
        lanes.took(actions)


def test_what_cannot_be_advised_is_refused():
    with pytest.raises(ValueError, match=r"no reference policy 'optimum', did you mean 'optimal'\?"):
        ReferenceLanes("optimum", vector())
    with pytest.raises(TypeError, match="vector environment of memory_envs"):
        ReferenceLanes("optimal", gymnasium.make(IMAZE))
    with pytest.raises(ValueError, match="view_size must be at least 3"):
        ReferenceLanes("perfect_memory", vector(FETCH, view_size=1))
