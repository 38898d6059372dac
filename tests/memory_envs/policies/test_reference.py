"""Reference policies: one interface, and returns that the certificates give."""

import dataclasses

import gymnasium
import numpy as np
import pytest

import memory_envs
from memory_envs.policies.reference import (
    MemorylessPolicy,
    OptimalPolicy,
    PerfectMemoryPolicy,
    RandomPolicy,
    reference_policy,
)
from memory_envs.registry.envs import ENVS
from memory_envs.rules import meta_fetch
from memory_envs.rules.grid import FORWARD, TURN_LEFT, TURN_RIGHT
from memory_envs.rules.randomness import episode_key
from memory_envs.solvers.planner import best_plan, future
from memory_envs.solvers.values import best
from tests.support.plays import FETCH, FETCHES, IMAZE, all_starts, assert_within, played
from tests.support.rooms import SMALL, small_states

NAMES = ("random", "memoryless", "perfect_memory", "optimal")


def test_the_optimal_policy_earns_what_was_computed():
    env = gymnasium.make(FETCH)
    for episode in range(3):
        options = {"stream": 2, "episode": episode}
        env.reset(options=options)
        state = meta_fetch.begin(env.unwrapped.config, episode_key(2, episode))
        value = best_plan(future(meta_fetch, env.unwrapped.config, state), 300).episode_return
        assert played(env, OptimalPolicy(env), options=options)[0] == value


def test_the_optimal_policy_goes_on_from_any_state():
    env = gymnasium.make(FETCH)
    policy = OptimalPolicy(env)
    env.reset(seed=0)
    for action in np.random.default_rng(0).integers(3, size=200).tolist():
        env.step(action)
    policy.reset()
    total = sum(env.step(policy(None))[1] for _ in range(100))
    assert total >= 9


@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
def test_memory_is_played_by_observations_alone(env_id):
    env = gymnasium.make(env_id)
    *_, actions = played(env, PerfectMemoryPolicy(env), seed=4)
    observation, _ = env.reset(seed=4)
    observations = [observation] + [env.step(action)[0] for action in actions[:-1]]
    elsewhere = PerfectMemoryPolicy(gymnasium.make(env_id))  # its environment was never reset
    assert [elsewhere(each) for each in observations] == actions


def test_a_table_decides_what_a_memoryless_policy_does():
    env = gymnasium.make(IMAZE, observation="tiles")
    known, other = np.arange(9, dtype=np.uint8) % 6, np.zeros(9, dtype=np.uint8)
    sure = MemorylessPolicy(env, {known.tobytes(): TURN_RIGHT}, seed=0)
    assert {sure(known) for _ in range(50)} == {TURN_RIGHT}
    assert {sure(other) for _ in range(50)} == {TURN_LEFT, TURN_RIGHT, FORWARD}
    torn = MemorylessPolicy(env, {known.tobytes(): np.array([0.5, 0.0, 0.5])}, seed=0)
    assert {torn(known) for _ in range(50)} == {TURN_LEFT, FORWARD}


@pytest.mark.parametrize(
    "env_id",
    [
        pytest.param(row.id, marks=pytest.mark.slow if row.kwargs.get("size") == 31 else ())
        for row in ENVS
        if "IMaze" in row.id and "Endless" not in row.id  # chance has a say there after the start
    ],
)
def test_in_every_maze_the_policies_earn_what_the_certificate_says(env_id):
    env, certificate = gymnasium.make(env_id), memory_envs.reference(env_id)
    for name, level in (
        ("memoryless", certificate.deterministic),
        ("perfect_memory", certificate.perfect_memory),
        ("optimal", certificate.optimum),
    ):
        returned, success, steps = all_starts(env, reference_policy(name, env))
        assert level.episode_return.how == level.success.how == "exact"
        assert returned == pytest.approx(level.episode_return.lower), name
        assert success == pytest.approx(level.success.lower), name
        assert steps == pytest.approx(level.steps), name
    assert certificate.deterministic.episode_return == certificate.memoryless.episode_return


@pytest.mark.parametrize("row", ENVS, ids=lambda row: row.id)
def test_random_play_earns_what_the_certificate_says(row):
    env, level = gymnasium.make(row.id), memory_envs.reference(row.id).random
    policy = reference_policy("random", env, seed=0)
    env.reset(seed=0)
    returns = [played(env, policy)[0] for _ in range(60)]
    assert_within(returns, level.episode_return.lower, level.episode_return.upper)


@pytest.mark.parametrize("name, episodes", [("memoryless", 60), ("perfect_memory", 10), ("optimal", 10)])
@pytest.mark.parametrize("env_id", FETCHES)
def test_in_meta_fetch_the_policies_earn_what_the_certificate_says(env_id, name, episodes):
    env, certificate = gymnasium.make(env_id), memory_envs.reference(env_id)
    policy = reference_policy(name, env, seed=0)
    env.reset(seed=11)
    returns = [played(env, policy)[0] for _ in range(episodes)]
    if name == "optimal":
        level = certificate.optimum.episode_return
        assert_within(returns, level.lower, level.upper)
    else:  # the lower end is that of the very policy, the upper end that of all policies
        level = getattr(certificate, name).episode_return
        assert_within(returns, level.lower, level.lower)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("env_id", [IMAZE, "MemoryEnvs/IMaze-7x7-v0", FETCH, "MemoryEnvs/MetaFetch-4-v0"])
def test_every_reference_policy_plays_every_task(name, env_id):
    env = gymnasium.make(env_id)
    policy = reference_policy(name, env, seed=1)
    first = played(env, policy, seed=1)
    assert all(env.action_space.contains(action) for action in first[3])
    again = played(env, reference_policy(name, env, seed=1), seed=1)
    assert first == again


def test_lanes_of_a_vector_environment_have_a_policy_each():
    lanes = gymnasium.make_vec(IMAZE, num_envs=4)
    policies = [PerfectMemoryPolicy(lanes) for _ in range(4)]
    observations, _ = lanes.reset(seed=0)
    ended, successes = np.zeros(4, dtype=bool), np.zeros(4, dtype=bool)
    while not ended.all():
        actions = [
            0 if over else policy(seen)
            for policy, seen, over in zip(policies, observations, ended, strict=True)
        ]
        observations, _, terminated, _, infos = lanes.step(np.array(actions))
        successes |= infos["is_success"] & ~ended
        ended |= terminated
    assert successes.all()


def test_an_unknown_policy_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="'perfect_memry', did you mean 'perfect_memory'"):
        reference_policy("perfect_memry", gymnasium.make(IMAZE))


def test_the_state_of_lanes_is_not_read():
    with pytest.raises(TypeError, match="env must be a single environment"):
        OptimalPolicy(gymnasium.make_vec(IMAZE, num_envs=2))


def test_an_episode_makes_no_difference_to_chance():
    policy = RandomPolicy(gymnasium.spaces.Discrete(3), seed=0)
    policy.reset()
    assert {policy(None) for _ in range(50)} == {0, 1, 2}


def test_the_optimum_of_each_start_is_what_the_optimal_policy_earns_there():
    states = small_states()
    env = gymnasium.make("MemoryEnvs/MetaFetch-v0", **SMALL).unwrapped
    policy = reference_policy("optimal", env)
    for seed in range(8):
        env.reset(seed=seed)
        policy.reset()
        fields = env.get_state()
        first = meta_fetch.State(*(fields[name] for name in meta_fetch.State._fields))
        here = dataclasses.replace(states, start=np.eye(1, states.num_states, states.states.index(first))[0])
        total, over = 0.0, False
        while not over:
            _, reward, _, over, _ = env.step(policy())
            total += reward
        assert total == best(here).episode_return
