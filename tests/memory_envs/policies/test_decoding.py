"""Policies see the same in every form of observation."""

import gymnasium
import pytest

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
