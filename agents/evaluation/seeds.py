"""Whether an environment takes the seeds of evaluations, which come after training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.vec_env.make import is_native, make_single, resolve_id


def check_seeds(env_id: str, env_kwargs: Mapping[str, Any], seed: int, lanes: int) -> None:
    """Check that an environment can be made beside others, and takes the seeds of an evaluation.

    Simulators that keep seeds in fewer bits refuse those, which are beyond all seeds of training. So they
    are tried before training, on one more environment; those of this package are known to take them.

    Args:
        env_id: As `make_single` takes it.
        env_kwargs: Settings of the environment.
        seed: Of the evaluation.
        lanes: In how many lanes it plays.

    Raises:
        ValueError: It is refused, with what the environment said.
        gymnasium.error.Error, TypeError: As `make_single`.
    """
    if is_native(resolve_id(env_id)):
        return
    try:
        env = make_single(env_id, env_kwargs)
    except (gymnasium.error.Error, ValueError, TypeError):  # of ids and settings, in words
        raise
    except Exception as problem:
        raise ValueError(f"{env_id} cannot be made for an evaluation: {_said(problem)}") from problem
    try:
        for tried in (FIRST_EVALUATION_SEED + seed, FIRST_EVALUATION_SEED + seed + lanes - 1):
            env.reset(seed=tried)
    except Exception as problem:
        raise ValueError(
            f"{env_id} refuses the seed {tried}, with which evaluations begin: {_said(problem)}"
        ) from problem
    finally:
        env.close()


def _said(problem: Exception) -> str:
    return " ".join(f"{type(problem).__name__}: {problem}".split())
