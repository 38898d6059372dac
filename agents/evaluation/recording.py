"""Episodes of a trained actor recorded as replays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.evaluation.episodes import FIRST_EVALUATION_SEED, Policy, acting, play
from agents.vec_env.make import make_single
from memory_envs.replay import Replay, task_of

# Episodes to look for a success in.
ATTEMPTS = 50


def record_success(
    model: Policy, env_id: str, env_kwargs: Mapping[str, Any], seed: int = 0
) -> tuple[Replay, bool]:
    """Play episodes with sampled actions until one succeeds, and record it.

    Args:
        model: Chooses actions.
        env_id: Id of an environment of this package.
        env_kwargs: Its keyword arguments.
        seed: Of episodes and actions; disjoint from those of training.

    Returns:
        The replay, and whether its episode succeeded; if none does, it is the last one.
    """
    env: Any = make_single(env_id, env_kwargs)
    with acting(FIRST_EVALUATION_SEED + seed):
        for attempt in range(ATTEMPTS):
            episode = play(model, env, seed=FIRST_EVALUATION_SEED + seed if attempt == 0 else None)
            if episode.success:
                break
    inner = env.unwrapped
    replay = Replay.of(*task_of(env), inner.stream, inner.episode, episode.actions)
    env.close()
    return replay, bool(episode.success)
