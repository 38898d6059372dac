"""Replays come back, notice every change, and reading one runs nothing."""

import json
import re

import gymnasium as gym
import numpy as np
import pytest

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.policies import RandomPolicy
from memory_envs.replay import Replay, ReplayError, ReplayMismatch, record, task_of

SETTINGS = {"size": 13, "delay": 4, "max_episode_steps": 40}


@pytest.fixture
def replay() -> Replay:
    env = gym.make("MemoryEnvs/IMaze-v0", size=13, delay=4)
    return record(env, RandomPolicy(env.action_space, seed=0), seed=3)


def changed(path, **fields):
    content = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
    return path


def test_a_replay_comes_back_from_its_file_and_verifies(replay, tmp_path):
    replay.save(tmp_path / "episode.json")
    loaded = Replay.load(tmp_path / "episode.json")
    assert loaded == replay
    loaded.verify()
    assert replay.kwargs == {"size": 13, "delay": 4} and len(replay.hashes) == len(replay.actions) + 1 > 20
    assert set(replay.versions) == {"memory-envs", "gymnasium", "numpy"}


def test_an_episode_of_a_lane_can_be_replayed():
    envs = gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=3, autoreset_mode="SameStep", **SETTINGS)
    envs.reset(seed=0)
    policy = RandomPolicy(envs.action_space, seed=1)
    stream, lane, actions, rewards = envs.stream(1), 1, [], []
    while envs.episode(lane) < 2:  # the replay is of episode 1, which a reset inside the step began
        episode, chosen = envs.episode(lane), policy(None)
        _, reward, *_ = envs.step(chosen)
        if episode == 1:
            actions.append(chosen[lane])
            rewards.append(reward[lane])
    replay = Replay.of(*task_of(envs), stream, 1, actions)
    replay.verify()
    assert replay.kwargs == SETTINGS
    assert replay.episode_return == sum(rewards) and len(replay.actions) == len(actions)
    assert all(type(action) is int for action in replay.actions)


@pytest.mark.parametrize("step", [0, 1, 17])
def test_a_changed_action_or_hash_is_found_at_its_step(replay, tmp_path, step):
    replay.save(path := tmp_path / "episode.json")
    hashes = list(replay.hashes)
    hashes[step] = "0" * 16
    with pytest.raises(ReplayMismatch, match=f"step {step} led to state") as mismatch:
        Replay.load(changed(path, hashes=hashes)).verify()
    assert mismatch.value.step == step
    actions = list(replay.actions)
    actions[step] = (actions[step] + 1) % 3
    with pytest.raises(ReplayMismatch) as mismatch:
        Replay.load(changed(path, actions=actions, hashes=list(replay.hashes))).verify()
    # A walk into a wall and the other turn may lead to the same cell, but never to the same heading.
    assert mismatch.value.step == step + 1


@pytest.mark.parametrize(
    "change, step", [({"stream": 4}, 0), ({"episode": 1}, 0), ({"kwargs": {"size": 11}}, 0)]
)
def test_another_episode_or_setting_is_found_at_the_reset(replay, tmp_path, change, step):
    replay.save(path := tmp_path / "episode.json")
    if "kwargs" in change:  # the rooms differ, the first states do not: the agent starts at the same cell
        with pytest.raises(ReplayMismatch):
            Replay.load(changed(path, **change)).verify()
        return
    with pytest.raises(ReplayMismatch, match="step 0 led to state") as mismatch:
        Replay.load(changed(path, **change)).verify()
    assert mismatch.value.step == step


def test_a_changed_return_is_found(replay, tmp_path):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayMismatch, match="the return was .*, recorded was 7.5"):
        Replay.load(changed(path, episode_return=7.5)).verify()


def test_actions_beyond_the_end_and_outside_the_space_are_found(replay, tmp_path):
    replay.save(path := tmp_path / "episode.json")
    longer = changed(path, actions=[*replay.actions, 0], hashes=[*replay.hashes, "0" * 16])
    with pytest.raises(ReplayMismatch, match=f"step {len(replay.actions) + 1} could not be played again"):
        Replay.load(longer).verify()
    odd = changed(path, actions=[7, *replay.actions[1:]], hashes=list(replay.hashes))
    with pytest.raises(ReplayMismatch, match="step 1 could not be played again"):
        Replay.load(odd).verify()


def test_truncated_and_foreign_files_are_named(replay, tmp_path):
    path = tmp_path / "episode.json"
    replay.save(path)
    whole = path.read_text()
    for length in (0, 10, len(whole) // 2, len(whole) - 3):
        path.write_text(whole[:length])
        with pytest.raises(ReplayError, match=re.escape(f"{path} is not a whole replay")):
            Replay.load(path)
    path.write_bytes(b"\x80\x04\x95\xff\xfe")
    with pytest.raises(ReplayError, match="is not a whole replay"):
        Replay.load(path)
    for foreign in ("[]", '{"format": "other"}', "3"):
        path.write_text(foreign)
        with pytest.raises(ReplayError, match="is not a replay of the format"):
            Replay.load(path)


@pytest.mark.parametrize(
    "change",
    [{"actions": ...}, {"stream": "3"}, {"actions": [0.5]}, {"hashes": []}, {"episode_return": None}],
)
def test_missing_and_odd_fields_are_named(replay, tmp_path, change):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=next(iter(change))):
        Replay.load(changed(path, **change))


@pytest.mark.parametrize("env_id", ["antigravity:MemoryEnvs/IMaze-v0", "CartPole-v1", "MemoryEnvs/Other-v0"])
def test_a_file_cannot_choose_what_is_imported(replay, tmp_path, env_id):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=re.escape(f"got {env_id!r}")):
        Replay.load(changed(path, env_id=env_id)).verify()


@pytest.mark.parametrize("kwargs", [{"size": 8}, {"sizes": 9}, {"render_mode": "human"}])
def test_settings_that_make_no_environment_are_named(replay, tmp_path, kwargs):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=re.escape(f"kwargs {kwargs} make no MemoryEnvs/IMaze-v0")):
        Replay.load(changed(path, kwargs=kwargs)).verify()


def test_an_unfinished_write_leaves_the_old_file(replay, tmp_path, monkeypatch):
    replay.save(path := tmp_path / "episode.json")
    before = path.read_text()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        replay.save(path)
    assert path.read_text() == before and list(tmp_path.iterdir()) == [path]


def test_frames_begin_with_the_reset_and_follow_each_action(replay):
    frames = list(Replay.of(replay.env_id, replay.kwargs, replay.stream, 0, replay.actions[:5]).frames())
    env = gym.make("MemoryEnvs/IMaze-v0", size=13, delay=4, render_mode="rgb_array")
    env.reset(seed=3)
    assert len(frames) == 6 and (frames[0] == env.render()).all()
    for action, frame in zip(replay.actions, frames[1:], strict=False):
        env.step(action)
        assert (frame == env.render()).all()


def test_a_gif_has_one_image_per_state(replay, tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    short = Replay.of(replay.env_id, replay.kwargs, replay.stream, 0, [0, 1, 0, 1])
    short.save_gif(tmp_path / "episode.gif", frames_per_second=5)
    with image_module.open(tmp_path / "episode.gif") as gif:
        shown = []
        for index in range(gif.n_frames):
            gif.seek(index)
            shown.append(gif.info["duration"])
        assert gif.n_frames == 5 and shown == [200] * 4 + [1500]
        assert gif.size == tuple(np.array(next(short.frames()).shape[1::-1]))


def test_only_environments_of_this_package_made_by_id_can_be_recorded():
    from memory_envs.imaze import IMazeEnv

    for env in (IMazeEnv(), gym.make("CartPole-v1")):
        with pytest.raises(ValueError, match="made from an id that starts with 'MemoryEnvs/'"):
            task_of(env)


def test_more_actions_than_steps_are_refused():
    with pytest.raises(gym.error.ResetNeeded):
        Replay.of("MemoryEnvs/IMaze-v0", {"max_episode_steps": 3}, 0, 0, [0] * 4)
