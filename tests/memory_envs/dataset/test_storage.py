"""A dataset is what was played: it is loaded by Minari, and every episode can be played again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from memory_envs.dataset import record, replays, verify
from memory_envs.policies import RandomPolicy, reference_policy
from memory_envs.replay import ReplayMismatch

ID = "memory-envs/test/maze-v0"
h5py = pytest.importorskip("h5py", reason="the minari extra is not installed")
minari = pytest.importorskip("minari", reason="the minari extra is not installed")


def recorded(episodes: int = 3, env_id: str = "MemoryEnvs/IMaze-7x7-v0", **settings: Any) -> Any:
    env = gym.make(env_id, **settings)
    return record(ID, env, RandomPolicy(env.action_space, seed=0), episodes, seed=4)


def content(dataset: Any) -> Any:
    return h5py.File(Path(dataset.spec.data_path) / "main_data.hdf5", "r+")


def test_minari_loads_what_was_played() -> None:
    env = gym.make("MemoryEnvs/IMaze-v0")
    record(ID, env, reference_policy("perfect_memory", env), 4, seed=9, algorithm_name="perfect_memory")
    dataset = minari.load_dataset(ID)
    policy = reference_policy("perfect_memory", env)
    assert dataset.total_episodes == 4
    for number, episode in enumerate(dataset):
        observation, _ = env.reset(seed=9 if number == 0 else None)
        policy.reset()
        assert np.array_equal(episode.observations[0], observation)
        for step in range(len(episode)):
            action = policy(observation)
            observation, reward, terminated, truncated, info = env.step(action)
            assert (action, reward, terminated, truncated) == (
                episode.actions[step],
                episode.rewards[step],
                episode.terminations[step],
                episode.truncations[step],
            )
            assert np.array_equal(episode.observations[step + 1], observation)
            assert info["is_success"] == episode.infos["is_success"][step + 1]
        assert terminated or truncated
    assert dataset.storage.metadata["algorithm_name"] == "perfect_memory"


@pytest.mark.parametrize(
    ("env_id", "settings"),
    [
        ("MemoryEnvs/IMaze-v0", {"size": 7, "delay": 2, "max_episode_steps": 20}),
        ("MemoryEnvs/IMaze-7x7-v0", {"observation": "tiles", "dtype": "float32"}),
        ("MemoryEnvs/IMaze-v0", {"observation": "rgb", "view_size": 5, "max_episode_steps": 9}),
        ("MemoryEnvs/MetaFetch-v0", {"max_episode_steps": 30}),
    ],
    ids=str,
)
def test_every_episode_is_played_again_to_the_same_observations_and_rewards(
    env_id: str, settings: dict[str, Any]
) -> None:
    dataset = recorded(env_id=env_id, **settings)
    assert verify(minari.load_dataset(ID)) == dataset.total_steps > 20
    found = list(replays(dataset))
    assert len(found) == 3 and len({replay.episode for replay in found}) == 3
    for replay, episode in zip(found, dataset, strict=True):
        replay.verify()
        assert replay.actions == tuple(episode.actions) and replay.episode_return == episode.rewards.sum()
        assert replay.kwargs.items() >= settings.items() - {("max_episode_steps", 105)}


def test_the_environment_comes_back_with_its_settings() -> None:
    dataset = recorded(size=9, delay=2)
    env = dataset.recover_environment()
    assert (env.unwrapped.config.size, env.unwrapped.config.delay) == (9, 2)
    assert dataset.observation_space == env.observation_space


@pytest.mark.parametrize(
    ("part", "index", "value", "said"),
    [
        ("rewards", 2, 0.5, "the reward of episode 1, step 3, "),
        ("observations", (3, 0), 1 - 1j, "the observation of episode 1, step 3, "),
        ("truncations", 0, True, "the truncation of episode 1, step 1, "),
    ],
)
def test_what_was_changed_is_found(part: str, index: Any, value: Any, said: str) -> None:
    dataset = recorded()
    with content(dataset) as file:
        column = file["episode_1"][part]
        column[index] = 1 - column[index] if value == 1 - 1j else value
    with pytest.raises(ReplayMismatch, match=said):
        verify(minari.load_dataset(ID))


def test_replays_of_changed_rewards_are_refused() -> None:
    dataset = recorded()
    with content(dataset) as file:
        file["episode_2"]["rewards"][0] = 7.0
    with pytest.raises(ReplayMismatch, match="episode 2 returned 7.0, played again 0.0"):
        list(replays(minari.load_dataset(ID)))


def test_episodes_of_others_are_not_taken_for_ours() -> None:
    dataset = recorded()
    with content(dataset) as file:
        del file["episode_1"].attrs["options/stream"]
    with pytest.raises(ValueError, match="episode 1 of the dataset '.*' has no stream and number"):
        verify(minari.load_dataset(ID))


def test_scores_are_relative_to_the_certificate() -> None:
    env = gym.make("MemoryEnvs/IMaze-v0")
    dataset = record(ID, env, RandomPolicy(env.action_space, seed=0), 1)
    assert minari.get_normalized_score(dataset, np.array([0.0, 1.0])).tolist() == [0.0, 1.0]
    other = gym.make("MemoryEnvs/IMaze-v0", delay=7)
    dataset = record("other-v0", other, RandomPolicy(env.action_space, seed=0), 1)
    assert "ref_max_score" not in dataset.storage.metadata


def test_what_infos_tell_is_kept_with_each_observation() -> None:
    dataset = recorded(analysis=True)
    infos = dataset[0].infos
    assert {"is_success", "cue"} <= infos.keys()
    assert {len(values) for values in infos.values()} == {len(dataset[0]) + 1}


def test_outcomes_are_told_of_each_episode() -> None:
    env = gym.make("MemoryEnvs/IMaze-7x7-v0")
    dataset = record(ID, env, reference_policy("memoryless", env, seed=0), 12)
    told = list(dataset.storage.get_episode_metadata(range(12)))
    assert {bool(each["success"]) for each in told} == {True, False}
    for each, episode in zip(told, dataset, strict=True):
        assert each["rewards_sum"] == episode.rewards.sum()
        assert each["success"] == episode.infos["is_success"][-1]


def test_a_dataset_is_not_overwritten(datasets: Path) -> None:
    recorded()
    before = {path: path.read_bytes() for path in datasets.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match=f"there is a dataset '{ID}' in .*, which is not overwritten"):
        recorded(episodes=1)
    assert {path: path.read_bytes() for path in datasets.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", ["maze", "maze-v", "a maze-v0", "/maze-v0", "../maze-v0", ""])
def test_names_that_are_no_ids_are_refused(name: str, datasets: Path) -> None:
    env = gym.make("MemoryEnvs/IMaze-7x7-v0")
    with pytest.raises(ValueError, match="the id of a dataset must be a namespace, if any, a name"):
        record(name, env, RandomPolicy(env.action_space), 1)
    assert list(datasets.parent.rglob("*.hdf5")) == []


def test_a_dataset_that_cannot_be_written_leaves_nothing(
    datasets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minari.dataset._storages.hdf5_storage import HDF5Storage

    def full(*arguments: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(HDF5Storage, "update_episode_metadata", full)
    with pytest.raises(OSError, match="no space left"):
        recorded()
    monkeypatch.undo()
    assert list(datasets.rglob("*.hdf5")) == []


def test_environments_of_others_and_no_episodes_are_refused() -> None:
    env = gym.make("CartPole-v1")
    with pytest.raises(ValueError, match="an environment made from an id that starts with 'MemoryEnvs/'"):
        record(ID, env, RandomPolicy(env.action_space), 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="episodes must be at least 1, got 0"):
        recorded(episodes=0)


@pytest.mark.parametrize("package", ["minari", "h5py"])
def test_a_missing_package_names_its_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        ImportError, match=rf'a dataset needs {package}, .*pip install "memory-envs\[minari\]"'
    ):
        recorded()
