"""Policies see the same in every form of observation."""

import gymnasium
import numpy as np
import pytest
from gymnasium import error, wrappers

from memory_envs.policies.reference import (
    MemorylessPolicy,
    OptimalPolicy,
    PerfectMemoryPolicy,
)
from tests.support.plays import FETCH, IMAZE, played


@pytest.mark.parametrize("kwargs", [{"observation": "tiles"}, {"observation": "rgb"}])
@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
def test_the_form_of_observations_makes_no_difference(env_id, kwargs):
    options = {"stream": 3, "episode": 1}
    plays = []
    for settings in ({}, kwargs):
        env = gymnasium.make(env_id, **settings)
        plays += [played(env, PerfectMemoryPolicy(env), options=options)]
    assert plays[0] == plays[1]


@pytest.mark.parametrize("kind", [MemorylessPolicy, PerfectMemoryPolicy, OptimalPolicy])
def test_other_environments_are_refused(kind):
    with pytest.raises(TypeError, match="env must be an environment of memory_envs"):
        kind(gymnasium.make("CartPole-v1"))


@pytest.mark.parametrize("kind", [MemorylessPolicy, PerfectMemoryPolicy])
@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
@pytest.mark.parametrize(
    "wrap, message",
    [
        (lambda env: wrappers.FrameStackObservation(env, 4), r"got one of shape \(4, \d+\).* stacked"),
        (wrappers.TimeAwareObservation, "got one of shape"),
        (
            lambda env: wrappers.TransformObservation(env, lambda seen: seen * 0.5, None),
            "whole numbers from 0",
        ),
        (
            lambda env: wrappers.TransformObservation(env, lambda seen: seen * -1.0, None),
            "whole numbers from 0",
        ),
    ],
)
def test_observations_that_a_wrapper_changed_are_refused(kind, env_id, wrap, message):
    env = wrap(gymnasium.make(env_id))
    policy, (observation, _) = kind(env), env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        policy(observation)


def test_observations_of_another_number_type_mean_the_same():
    env = gymnasium.make(IMAZE)
    observation, _ = env.reset(seed=0)
    assert PerfectMemoryPolicy(env)(observation.astype(np.float32)) == PerfectMemoryPolicy(env)(observation)


def test_a_picture_of_something_else_is_refused():
    env = gymnasium.make(IMAZE, observation="rgb")
    observation, _ = env.reset(seed=0)
    with pytest.raises(ValueError, match="something that is no tile of I-Maze"):
        PerfectMemoryPolicy(env)(255 - observation)


@pytest.mark.parametrize("env_id", [IMAZE, FETCH])
def test_a_forgotten_reset_of_the_policy_is_named(env_id):
    env = gymnasium.make(env_id)
    policy, over = PerfectMemoryPolicy(env), False
    observation, _ = env.reset(seed=0)
    while not over:
        observation, _, terminated, truncated, _ = env.step(policy(observation))
        over = terminated or truncated
    observation, _ = env.reset()
    with pytest.raises(error.ResetNeeded, match=r"call the policy's reset\(\)"):
        policy(observation)
    policy.reset()
    policy(observation)


def test_a_room_that_cannot_follow_what_was_seen_is_named():
    env = gymnasium.make(FETCH)
    policy = PerfectMemoryPolicy(env)
    with pytest.raises(error.ResetNeeded, match=r"call the policy's reset\(\)"):
        for seed in range(100):
            policy(env.reset(seed=seed)[0])


def test_the_optimum_is_found_again_in_a_state_that_was_set():
    env = gymnasium.make(IMAZE)
    env.reset(seed=0)
    first = env.unwrapped.get_state()
    for action in (0, 0, 0, 0, 2):
        env.step(action)
    policy = OptimalPolicy(env)
    policy()
    env.unwrapped.set_state(first)
    actions, over = [], False
    fresh = OptimalPolicy(env)
    while not over:
        assert policy() == (action := fresh())
        actions.append(action)
        *_, over, _, _ = env.step(action)
    assert len(actions) >= 10
