"""A task is its record: with no more than rules and looks it is played, solved and certified."""

import copy
import pickle
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from memory_envs import certify, imaze, meta_fetch
from memory_envs.policies import reference_policy
from memory_envs.task import Network, Task


def test_the_rules_alone_give_certificate_and_reference_policies(t_maze):
    env = t_maze.TMazeEnv(length=4)
    certificate = certify(env, name="T-maze")
    assert certificate.proved and certificate.memory_required
    assert str(certificate.perfect_memory.success) == "1" and str(certificate.memoryless.success) == "0.5"
    assert certificate.twins == {} and certificate.question_bits is None
    for name, wins in (("memoryless", 0.5), ("perfect_memory", 1.0), ("optimal", 1.0)):
        assert won(env, reference_policy(name, env, seed=0)) == wins, name


def won(env, policy):
    """The share of successes in an episode of each cue."""
    ends = {}
    for episode in range(20):
        observation, _ = env.reset(options={"stream": 1, "episode": episode})
        policy.reset()
        cue, over = env.get_state()["cue"], False
        while not over:
            observation, _, terminated, truncated, info = env.step(policy(observation))
            over = terminated or truncated
        ends[cue] = info["is_success"]
    return np.mean([ends[0], ends[1]])


def test_what_the_rules_do_not_tell_is_asked_for_by_name(t_maze):
    class Bare(t_maze.TMazeEnv):
        task = replace(t_maze.TMazeEnv.task, looks=t_maze.LOOKS[:3])

    with pytest.raises(ValueError, match="T-maze has 4 tile codes but 3 looks: give its Task one"):
        Bare(observation="rgb")
    assert Bare.metadata["render_modes"] == []
    with pytest.raises(TypeError, match="render_mode must be None, as this task has no scene, got 'ansi'"):
        Bare(render_mode="ansi")
    with pytest.raises(NotImplementedError, match="T-maze does not say how it looks: give its Task a scene"):
        Bare().scene()


def test_a_task_without_starts_can_be_played_but_not_solved(t_maze, monkeypatch):
    monkeypatch.delattr(t_maze, "starts")
    env = t_maze.TMazeEnv()
    env.reset(seed=0)
    env.step(0)
    for refused in (lambda: certify(env), lambda: reference_policy("perfect_memory", env)):
        with pytest.raises(TypeError, match=r"T-maze cannot be solved: .* a function starts\(config\)"):
            refused()


@pytest.mark.parametrize("task", [imaze.TASK, meta_fetch.TASK], ids=lambda task: task.name)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda task: pickle.loads(pickle.dumps(task))])
def test_a_task_can_be_copied_and_pickled(task, duplicate):
    twin = duplicate(task)
    assert isinstance(twin, Task) and twin.rules is task.rules
    names = ("name", "looks", "scene", "steps_remaining", "finite", "memoryless", "perfect_memory")
    assert [getattr(twin, name) for name in names] == [getattr(task, name) for name in names]


def test_environments_name_the_task_that_they_play():
    assert gymnasium.make("MemoryEnvs/IMaze-v0").unwrapped.task is imaze.TASK
    assert gymnasium.make_vec("MemoryEnvs/MetaFetch-v0", num_envs=2).task is meta_fetch.TASK


def test_a_network_draws_as_often_as_it_says():
    network = Network(lambda observations: np.repeat([[0.1, 0.0, 0.9]], len(observations), axis=0), "drawn")
    actions = network.act(np.zeros((20_000, 1), dtype=np.uint8), np.random.default_rng(0))
    assert np.bincount(actions, minlength=3) / 20_000 == pytest.approx([0.1, 0, 0.9], abs=0.01)


def test_sb3_makes_lanes_of_a_task_without_a_scene(t_maze):
    """It asks every environment for "rgb_array", and does without where that is a TypeError."""
    env_util = pytest.importorskip("stable_baselines3.common.env_util")
    gymnasium.register("tests/Sceneless-v0", entry_point=t_maze.TMazeEnv)
    try:
        lanes = env_util.make_vec_env("tests/Sceneless-v0", 2, seed=0)
        assert len(lanes.reset()) == 2
    finally:
        del gymnasium.registry["tests/Sceneless-v0"]


def test_a_misspelt_option_is_answered_with_the_nearest_of_all(t_maze):
    with pytest.raises(TypeError, match=r"'observaton', did you mean 'observation'\?.*render_mode"):
        gymnasium.make("MemoryEnvs/IMaze-v0", observaton="tiles")
