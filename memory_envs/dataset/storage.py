"""Datasets in Minari's format: written, verified against the environments, and turned into replays."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from memory_envs.certificate import reference
from memory_envs.dataset.episodes import RecordedEpisode, play
from memory_envs.extras import not_installed
from memory_envs.policies import Policy
from memory_envs.registry.specs import task_settings
from memory_envs.replay import Replay, ReplayMismatch, open_env, task_of
from memory_envs.version import __version__


def record(
    dataset_id: str,
    env: gymnasium.Env[Any, Any],
    policy: Policy,
    episodes: int,
    *,
    seed: int = 0,
    **metadata: Any,
) -> Any:
    """Play episodes and write them as a Minari dataset.

    Of each episode the dataset keeps, as the `options` of its reset, the stream and the number by which it
    can be played again. Pictures are stored as they are, without JPEG's losses. Where a certificate ships for
    the task, its returns of random actions and of perfect memory are the dataset's reference scores.

    Args:
        dataset_id: "namespace/name-vN"; must be new.
        env: A single environment of this package.
        policy: Chooses the actions.
        episodes: How many, at least 1.
        seed: Draws the stream of episodes.
        metadata: What Minari keeps besides: `algorithm_name`, `description`, `author`, `author_email`,
            `code_permalink`.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        ImportError: Minari is not installed; names the extra.
        FileExistsError: There is a dataset of this id.
        ValueError: The id is none, there are no episodes, or `env` is none of this package.
    """
    minari, path = require_minari(), new_path(dataset_id)
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes}")
    task = task_of(env)
    played = list(play(env, policy, episodes, seed))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`.*` is set to None", UserWarning)  # it may well be
            dataset = minari.create_dataset_from_buffers(
                dataset_id,
                [_buffer(minari, number, episode) for number, episode in enumerate(played)],
                env=env,
                eval_env=env,
                requirements=[f"memory-envs=={__version__}"],
                data_format="hdf5",
                jpeg_encoding=False,
                **_reference_scores(*task),
                **metadata,
            )
            dataset.storage.update_episode_metadata([_outcome(episode) for episode in played])
    except BaseException:  # an interrupt, too: there is no half dataset
        shutil.rmtree(path, ignore_errors=True)
        raise
    return dataset


def require_minari() -> Any:
    """Import Minari.

    Raises:
        ImportError: It or its file format is not installed; names the extra.
    """
    try:
        import h5py  # noqa: F401
        import minari
    except ModuleNotFoundError as missing:
        if missing.name not in ("minari", "h5py"):
            raise
        raise ImportError(not_installed("a dataset", missing.name, "minari")) from missing
    return minari


def new_path(dataset_id: str) -> Path:
    """Return where a dataset is to lie.

    Raises:
        FileExistsError: There is one.
        ValueError: `dataset_id` is no id.
    """
    require_minari()
    from minari.dataset.minari_dataset import DATASET_ID_RE
    from minari.storage import get_dataset_path

    match = DATASET_ID_RE.fullmatch(dataset_id)
    if match is None or match["version"] is None:
        raise ValueError(
            f"the id of a dataset must be a namespace, if any, a name of letters, digits, - and _, and a "
            f"version, such as 'memory-envs/imaze/random-v0', got {dataset_id!r}"
        )
    path: Path = get_dataset_path(dataset_id)
    if path.exists():
        raise FileExistsError(
            f"there is a dataset {dataset_id!r} in {path}, which is not overwritten: choose another name or "
            "version, or remove it by `minari delete`"
        )
    return path


def replays(dataset: Any) -> Iterator[Replay]:
    """Yield each episode of a dataset as a replay, which can be verified, saved and shown.

    Args:
        dataset: A `minari.MinariDataset` that `record` made.

    Raises:
        ValueError: It was made otherwise: it does not say which episodes these are.
        ReplayError: It names another environment, or settings that make none.
    """
    env_id, settings = _task(dataset)
    for number, (stream, episode), data in _episodes(dataset):
        replay = Replay.of(env_id, settings, stream, episode, data.actions.tolist())
        if replay.episode_return != float(np.sum(data.rewards)):
            raise ReplayMismatch(
                len(data.actions),
                f"episode {number} returned {np.sum(data.rewards)}, played again {replay.episode_return}",
            )
        yield replay


def verify(dataset: Any) -> int:
    """Play each episode of a dataset again, and compare all that was observed and paid.

    Args:
        dataset: As for `replays`.

    Returns:
        The number of steps.

    Raises:
        ReplayMismatch: Naming the first episode and step that differ.
        ValueError, ReplayError: As `replays`.
    """
    env_id, settings = _task(dataset)
    steps = 0
    with open_env(env_id, settings) as env:
        for number, (stream, episode), data in _episodes(dataset):
            observation, _ = env.reset(options={"stream": stream, "episode": episode})
            _demand(number, 0, "observation", observation, data.observations[0])
            for step, action in enumerate(data.actions.tolist()):
                observation, reward, terminated, truncated, _ = env.step(action)
                _demand(number, step + 1, "observation", observation, data.observations[step + 1])
                _demand(number, step + 1, "reward", reward, data.rewards[step])
                _demand(number, step + 1, "termination", terminated, data.terminations[step])
                _demand(number, step + 1, "truncation", truncated, data.truncations[step])
            steps += len(data.actions)
    return steps


def _demand(episode: int, step: int, what: str, found: Any, recorded: Any) -> None:
    if not np.array_equal(found, recorded):
        raise ReplayMismatch(
            step, f"the {what} of episode {episode}, step {step}, is another one when replayed"
        )


def _task(dataset: Any) -> tuple[str, dict[str, Any]]:
    """The id and the settings that a dataset names; no code of its choice is imported."""
    spec = dataset.spec.env_spec
    if spec is None:
        raise ValueError(f"the dataset {dataset.spec.dataset_id!r} does not say which environment it is of")
    return spec.id, task_settings(spec.kwargs)


def _episodes(dataset: Any) -> Iterator[tuple[int, tuple[int, int], Any]]:
    """Number, stream and episode, and data of each episode."""
    indices = dataset.episode_indices
    for number, metadata in zip(indices, dataset.storage.get_episode_metadata(indices), strict=True):
        options = metadata.get("options", {})
        if not {"stream", "episode"} <= options.keys():
            raise ValueError(
                f"episode {number} of the dataset {dataset.spec.dataset_id!r} has no stream and number: it "
                "was not recorded by memory_envs.dataset, and cannot be replayed"
            )
        yield int(number), (int(options["stream"]), int(options["episode"])), dataset[number]


def _buffer(minari: Any, number: int, episode: RecordedEpisode) -> Any:
    return minari.data_collector.EpisodeBuffer(
        id=number,
        options={"stream": episode.stream, "episode": episode.episode},
        observations=episode.observations,
        actions=episode.actions,
        rewards=episode.rewards,
        terminations=episode.terminations,
        truncations=episode.truncations,
        infos=episode.infos,
    )


def _outcome(episode: RecordedEpisode) -> dict[str, Any]:
    return {"rewards_sum": float(np.sum(episode.rewards)), "success": bool(episode.infos["is_success"][-1])}


def _reference_scores(env_id: str, settings: dict[str, Any]) -> dict[str, float]:
    """The returns of random actions and of perfect memory; none where no certificate ships."""
    try:
        found = reference(env_id)
    except ValueError:
        return {}
    if found.settings | settings != found.settings:
        return {}
    low, high = found.random.episode_return.lower, found.perfect_memory.episode_return.lower
    return {"ref_min_score": low, "ref_max_score": high}
