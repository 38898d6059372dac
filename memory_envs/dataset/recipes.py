"""The datasets that are described here and built by one command."""

from dataclasses import dataclass
from typing import Any

import gymnasium

from memory_envs.dataset.storage import record
from memory_envs.dataset.trained import trained_policy
from memory_envs.policies import Policy, reference_policy

AUTHOR = "The memory-envs authors"


@dataclass(frozen=True)
class Recipe:
    """How a dataset is made.

    Attributes:
        env: Id of the environment.
        player: Name of a reference policy, or with `is_trained` of an actor that ships.
        episodes: How many.
        description: What it is good for.
        is_trained: Whether an actor plays.
    """

    env: str
    player: str
    episodes: int
    description: str
    is_trained: bool = False


RECIPES: dict[str, Recipe] = {
    "memory-envs/imaze/perfect-memory-v0": Recipe(
        "MemoryEnvs/IMaze-v0",
        "perfect_memory",
        500,
        "9x9 I-Maze by the best policy that remembers: it goes to look at the cue, and then to the goal that "
        "the cue means. Cloned with memory it is worth 1, without at most 1/2.",
    ),
    "memory-envs/imaze/ald-v0": Recipe(
        "MemoryEnvs/IMaze-v0",
        "imaze/ald",
        500,
        "9x9 I-Maze by the LSTM that ships, trained by Actor-Learner Distillation: it samples its "
        "actions, so that its ways differ.",
        is_trained=True,
    ),
}


def build(dataset_id: str) -> Any:
    """Record one of `RECIPES`.

    Args:
        dataset_id: Its id.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        ImportError, FileExistsError: As `record`; a trained actor needs the agents.
    """
    recipe = RECIPES[dataset_id]
    env = gymnasium.make(recipe.env)
    policy: Policy
    if recipe.is_trained:
        policy, *_ = trained_policy(recipe.player, seed=0, deterministic=False)
    else:
        policy = reference_policy(recipe.player, env, seed=0)
    return record(
        dataset_id,
        env,
        policy,
        recipe.episodes,
        algorithm_name=recipe.player,
        description=recipe.description,
        author=AUTHOR,
    )
