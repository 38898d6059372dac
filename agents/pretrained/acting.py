"""Trained actors as policies of the suite: called with an observation, told of each reset."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from agents.evaluation.episodes import FIRST_EVALUATION_SEED, Policy
from agents.pretrained.store import load_pretrained, names
from agents.process.torch_modes import one_thread
from agents.runs.trained import load_trained


class ActingPolicy:
    """A model with Stable-Baselines3's `predict` as a `memory_envs.policies.Policy`."""

    def __init__(self, model: Policy, seed: int, deterministic: bool = False) -> None:
        """Act with a model.

        Args:
            model: Chooses actions.
            seed: Of sampled actions, which no other use of torch's generator changes.
            deterministic: Take greedy actions instead of sampled ones.
        """
        self._model, self._deterministic = model, deterministic
        self._random = torch.Generator().manual_seed(FIRST_EVALUATION_SEED + seed).get_state()
        self._memory: Any = None
        self._is_first = np.ones(1, dtype=bool)

    def __call__(self, observation: Any) -> int:
        """Return the next action."""
        with torch.random.fork_rng(devices=()), one_thread():
            torch.set_rng_state(self._random)
            action, self._memory = self._model.predict(
                observation, self._memory, self._is_first, self._deterministic
            )
            self._random = torch.get_rng_state()
        self._is_first = np.zeros(1, dtype=bool)
        return int(action)

    def reset(self) -> None:
        """Forget the last episode."""
        self._memory, self._is_first = None, np.ones(1, dtype=bool)


def trained_policy(
    source: str, *, seed: int, deterministic: bool
) -> tuple[ActingPolicy, str, Mapping[str, Any]]:
    """Load a trained actor as a policy; see `memory_envs.dataset.trained`.

    Args:
        source: One of `agents.pretrained.names()`, or path of a run or of a model file in one.
        seed: Of sampled actions.
        deterministic: Take greedy actions instead of sampled ones.

    Returns:
        The policy, and id and settings of the environment it was trained in.

    Raises:
        FileNotFoundError: It is neither; says which actors ship.
        ValueError: The file is not a model.
    """
    if source not in names() and not Path(source).exists():
        raise FileNotFoundError(
            f"there is no run directory and no model file {source}, and no actor of this name ships "
            f"(there are {', '.join(names())})"
        )
    model, env_id, settings = load_pretrained(source) if source in names() else load_trained(source)
    return ActingPolicy(model, seed, deterministic), env_id, settings
