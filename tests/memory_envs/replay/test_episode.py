"""A replay is an episode: recorded, verified to the step, shown again."""

import json
import re
import sys

import gymnasium as gym
import numpy as np
import pytest

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.policies.reference import RandomPolicy
from memory_envs.replay import Replay, ReplayError, ReplayMismatch, record, task_of
from tests.support.replays import changed

SETTINGS = {"size": 13, "delay": 4, "max_episode_steps": 40}


def test_a_replay_comes_back_from_its_file_and_verifies(replay, tmp_path):
    replay.save(tmp_path / "episode.json")
    assert Replay.load(tmp_path / "episode.json") == replay
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
        Replay.load(changed(path, hashes=hashes))
    assert mismatch.value.step == step
    assert Replay.load(path, verify=False).hashes == tuple(hashes)
    actions = list(replay.actions)
    actions[step] = (actions[step] + 1) % 3
    with pytest.raises(ReplayMismatch) as mismatch:
        Replay.load(changed(path, actions=actions, hashes=list(replay.hashes)))
    # A walk into a wall and the other turn may lead to the same cell, but never to the same heading.
    assert mismatch.value.step == step + 1


@pytest.mark.parametrize(
    "change, step", [({"stream": 4}, 0), ({"episode": 1}, 0), ({"kwargs": {"size": 11}}, 0)]
)
def test_another_episode_or_setting_is_found_at_the_reset(replay, tmp_path, change, step):
    replay.save(path := tmp_path / "episode.json")
    if "kwargs" in change:  # the rooms differ, the first states do not: the agent starts at the same cell
        with pytest.raises(ReplayMismatch):
            Replay.load(changed(path, **change))
        return
    with pytest.raises(ReplayMismatch, match="step 0 led to state") as mismatch:
        Replay.load(changed(path, **change))
    assert mismatch.value.step == step


def test_a_changed_return_is_found(replay, tmp_path):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayMismatch, match="the return was .*, recorded was 7.5"):
        Replay.load(changed(path, episode_return=7.5))


def test_a_return_may_be_written_as_an_integer(tmp_path):
    Replay.of("MemoryEnvs/IMaze-v0", {}, 1, 0, [0, 0]).save(path := tmp_path / "episode.json")
    assert Replay.load(changed(path, episode_return=0)).episode_return == 0.0


def test_an_id_may_name_the_package(tmp_path):
    replay = Replay.of("memory_envs:MemoryEnvs/IMaze-v0", {}, 1, 0, [0, 0])
    assert replay.env_id == "MemoryEnvs/IMaze-v0"
    replay.save(path := tmp_path / "episode.json")
    assert Replay.load(changed(path, env_id="memory_envs:MemoryEnvs/IMaze-v0")).hashes == replay.hashes


def test_actions_beyond_the_end_and_outside_the_space_are_found(replay, tmp_path):
    replay.save(path := tmp_path / "episode.json")
    longer = changed(path, actions=[*replay.actions, 0], hashes=[*replay.hashes, "0" * 16])
    with pytest.raises(ReplayMismatch, match=f"step {len(replay.actions) + 1} could not be played again"):
        Replay.load(longer)
    odd = changed(path, actions=[7, *replay.actions[1:]], hashes=list(replay.hashes))
    with pytest.raises(ReplayMismatch, match="step 1 could not be played again"):
        Replay.load(odd)


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
    path.write_text(json.dumps({"format": "memory-envs replay 1"}))
    with pytest.raises(ReplayError, match="'memory-envs replay 1'; states have gained fields since"):
        Replay.load(path)
    for foreign in ("[]", '{"format": "other"}', "3"):
        path.write_text(foreign)
        with pytest.raises(ReplayError, match="is not a replay of the format"):
            Replay.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"actions": ...},
        {"stream": "3"},
        {"stream": -1},
        {"stream": 2**70},
        {"episode": -1},
        {"episode": 2**32},
        {"actions": [0.5]},
        {"hashes": []},
        {"episode_return": None},
        {"episode_return": False},
    ],
)
def test_missing_and_odd_fields_are_named(replay, tmp_path, change):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=next(iter(change))):
        Replay.load(changed(path, **change))


@pytest.mark.parametrize("env_id", ["antigravity:MemoryEnvs/IMaze-v0", "CartPole-v1", "MemoryEnvs/Other-v0"])
def test_a_file_cannot_choose_what_is_imported(replay, tmp_path, env_id):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=re.escape(f"got {env_id!r}")):
        Replay.load(changed(path, env_id=env_id))


@pytest.mark.parametrize("kwargs", [{"size": 8}, {"sizes": 9}, {"render_mode": "human"}])
def test_settings_that_make_no_environment_are_named(replay, tmp_path, kwargs):
    replay.save(path := tmp_path / "episode.json")
    with pytest.raises(ReplayError, match=re.escape(f"kwargs {kwargs} make no MemoryEnvs/IMaze-v0")):
        Replay.load(changed(path, kwargs=kwargs))


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


def test_texts_follow_each_action(replay):
    texts = list(replay.to_ansi())
    assert len(texts) == len(replay.hashes) and "step: 0/" in texts[0] and "step: 7/" in texts[7]
    assert not any("\x1b" in text for text in texts)
    assert all("\x1b" in text for text in replay.to_ansi(colour=True))


@pytest.mark.parametrize("width", [None, 100])
def test_a_gif_has_one_image_per_state(replay, tmp_path, width):
    image_module = pytest.importorskip("PIL.Image")
    short = Replay.of(replay.env_id, replay.kwargs, replay.stream, 0, [0, 1, 0, 1])
    short.save_gif(tmp_path / "episode.gif", frames_per_second=5, width=width)
    first = next(short.frames())
    with image_module.open(tmp_path / "episode.gif") as gif:
        shown = []
        for index in range(gif.n_frames):
            gif.seek(index)
            shown.append(gif.info["duration"])
        assert gif.n_frames == 5 and shown == [200] * 4 + [1500]
        height, across = first.shape[:2]
        assert gif.size == ((across, height) if width is None else (100, round(height * 100 / across)))
        if width is None:
            gif.seek(0)
            assert np.abs(np.asarray(gif.convert("RGB")).astype(int) - first).mean() < 2


def test_an_mp4_has_one_image_per_state_and_rests(replay, tmp_path):
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    short = Replay.of(replay.env_id, replay.kwargs, replay.stream, 0, [0, 1, 0, 1])
    short.save_mp4(path := tmp_path / "episode.mp4", frames_per_second=4)
    reader = ffmpeg.read_frames(str(path))
    size = next(reader)["source_size"]
    images = [np.frombuffer(image, dtype=np.uint8).reshape(size[1], size[0], 3) for image in reader]
    assert len(images) == 5 + 6  # one and a half seconds of rest
    for image, frame in zip(images, short.frames(), strict=False):
        assert image.shape == frame.shape and np.abs(image.astype(int) - frame).mean() < 4
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("package, suffix", [("PIL", "gif"), ("imageio_ffmpeg", "mp4")])
def test_missing_packages_of_videos_name_the_extra(replay, tmp_path, monkeypatch, package, suffix):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(gym.error.DependencyNotInstalled, match=r'pip install "memory-envs\[render\]"'):
        getattr(replay, f"save_{suffix}")(tmp_path / f"a.{suffix}")


def test_how_an_episode_is_rendered_or_analysed_is_not_part_of_its_task():
    options = {"render_mode": "ansi", "render_view": "agent", "render_panel": False, "analysis": True}
    env = gym.make("MemoryEnvs/IMaze-v0", size=11, **options)
    assert task_of(env) == ("MemoryEnvs/IMaze-v0", {"size": 11})


def test_only_environments_of_this_package_made_by_id_can_be_recorded():
    from memory_envs.imaze import IMazeEnv

    for env in (IMazeEnv(), gym.make("CartPole-v1")):
        with pytest.raises(ValueError, match="made from an id that starts with 'MemoryEnvs/'"):
            task_of(env)


def test_more_actions_than_steps_are_refused():
    with pytest.raises(gym.error.ResetNeeded):
        Replay.of("MemoryEnvs/IMaze-v0", {"max_episode_steps": 3}, 0, 0, [0] * 4)


class TurnedAround(gym.ActionWrapper):
    def action(self, action):
        return 2 - action


class Twice(gym.Wrapper):
    def step(self, action):
        first = self.env.step(action)
        return first if first[2] or first[3] else self.env.step(action)


@pytest.mark.parametrize(
    "wrapped",
    [lambda env: gym.wrappers.StickyAction(env, 0.5), TurnedAround, Twice],
    ids=["StickyAction", "TurnedAround", "Twice"],
)
def test_an_episode_in_which_a_wrapper_chose_the_actions_is_refused_by_its_name(wrapped):
    env = wrapped(gym.make("MemoryEnvs/IMaze-v0"))
    name = type(env).__name__
    with pytest.raises(ReplayMismatch, match=rf"step \d+ led to state .* the wrappers {name} to") as refusal:
        record(env, RandomPolicy(env.action_space, seed=0), seed=0)
    assert refusal.value.step >= 1


def test_wrappers_that_leave_the_actions_alone_can_be_recorded():
    env = gym.wrappers.FrameStackObservation(gym.make("MemoryEnvs/IMaze-v0", max_episode_steps=9), 4)
    env = gym.wrappers.TransformReward(gym.wrappers.RecordEpisodeStatistics(env), lambda reward: reward - 1)
    replay = record(env, lambda _: 0, seed=0)
    replay.verify()
    assert len(replay.actions) == 9 and replay.episode_return == 0


@pytest.mark.parametrize(
    "make, problem, message",
    [
        (lambda: gym.make("CartPole-v1"), ValueError, "a replay needs an environment made from an id"),
        (lambda: gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2), TypeError, "must be a single environment"),
        (
            lambda: gym.make_vec("MemoryEnvs/IMaze-v0", num_envs=2, vectorization_mode="sync"),
            TypeError,
            "must be a single environment",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused_before_it_is_played(make, problem, message):
    def never(observation):
        raise AssertionError("was played")

    with pytest.raises(problem, match=message):
        record(make(), never)


def test_settings_that_are_numpy_scalars_can_be_saved(tmp_path):
    env = gym.make("MemoryEnvs/IMaze-v0", size=np.int64(7), max_episode_steps=5)
    replays = [
        record(env, lambda _: np.int64(0), seed=0),
        Replay.of("MemoryEnvs/IMaze-v0", {"size": np.int64(7)}, np.int64(3), np.int64(0), [np.int64(0)]),
    ]
    for replay in replays:
        replay.save(path := tmp_path / "episode.json")
        assert Replay.load(path) == replay and type(replay.kwargs["size"]) is int
