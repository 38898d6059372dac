"""What can be certified: ids, environments, finite environments. What cannot is refused with the reason."""

import gymnasium
import pytest

import memory_envs
from memory_envs.finite import NotFinite
from tests.support.toys import TMaze


def test_targets_that_cannot_be_certified_are_refused_with_the_reason():
    with pytest.raises(TypeError, match="lacks num_actions, horizon, starts, step, observe"):
        memory_envs.certify(3)
    with pytest.raises(NotFinite, match="CartPole-v1 cannot be enumerated: on reset, random.. or uniform"):
        memory_envs.certify(gymnasium.make("CartPole-v1"))
    with pytest.raises(TypeError, match="for ids only"):
        memory_envs.certify(TMaze(), env_kwargs={"size": 9})


def test_an_environment_is_certified_as_it_was_made():
    env = gymnasium.make("MemoryEnvs/IMaze-7x7-v0", delay=2)
    certificate = memory_envs.certify(env)
    assert certificate.settings == {"size": 7, "delay": 2}
    assert certificate == memory_envs.certify("MemoryEnvs/IMaze-7x7-v0", env_kwargs={"delay": 2})


def test_a_time_limit_counts_wherever_it_was_set():
    env_id, short = "MemoryEnvs/IMaze-7x7-v0", {"max_episode_steps": 8}
    certificate = memory_envs.certify(env_id, env_kwargs=short)
    assert certificate.horizon == 8 and certificate.settings == {"size": 7, "max_episode_steps": 8}
    assert not certificate.memory_required, "nobody gets to a goal in 8 steps"
    assert certificate == memory_envs.certify(gymnasium.make(env_id, **short))
    assert memory_envs.certify(env_id, env_kwargs={"max_episode_steps": 110}).horizon == 110
    assert memory_envs.certify(gymnasium.make(env_id, max_episode_steps=110)).horizon == 110


def test_settings_that_need_no_memory_are_taken_and_said_to_be_so():
    certificate = memory_envs.certify("MemoryEnvs/IMaze-v0", env_kwargs={"max_episode_steps": 3})
    assert certificate.verdict == "no" and certificate.perfect_memory.success.upper == 0


def test_a_class_is_not_taken_for_its_instance():
    with pytest.raises(TypeError, match="must be an instance, got the class TMaze"):
        memory_envs.certify(TMaze)


def test_a_time_limit_around_an_environment_of_unknown_settings_is_refused():
    env = gymnasium.make("MemoryEnvs/IMaze-7x7-v0").unwrapped
    unknown = gymnasium.wrappers.TimeLimit(type(env)(size=7), 8)
    with pytest.raises(TypeError, match="give max_episode_steps=8 to the class"):
        memory_envs.certify(unknown)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda env: gymnasium.wrappers.FrameStackObservation(env, 150),
        lambda env: gymnasium.wrappers.TimeLimit(gymnasium.wrappers.TransformReward(env, float), 20),
    ],
)
def test_wrappers_that_may_change_the_task_are_refused_by_name(wrapped):
    env = wrapped(gymnasium.make("MemoryEnvs/IMaze-7x7-v0"))
    named = "FrameStackObservation|TransformReward"
    with pytest.raises(TypeError, match=f"the wrapper ({named}), .* env.unwrapped, the bare environment"):
        memory_envs.certify(env)
    assert memory_envs.certify(env.unwrapped).proved


def test_an_effort_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="effort must be an Effort or None, got 'low'"):
        memory_envs.certify("MemoryEnvs/IMaze-7x7-v0", effort="low")
