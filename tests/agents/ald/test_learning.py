"""ALD learns a task that needs memory, and does not without memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.evaluation import evaluate_policy
from torch import Tensor, nn

from agents.ald import ALD
from agents.learning.networks.actor_critic import Core
from agents.learning.unroll import CoreState
from tests.support.tiny import cue_lanes, tiny_model

pytestmark = pytest.mark.usefixtures("one_thread")

LEARNING: dict[str, Any] = {
    "unroll_length": 8,
    "actor_hidden_size": 16,
    "actor_learning_rate": 1e-2,
    "learner_learning_rate": 6e-3,
    "learner_layers": 1,
    "learner_width": 16,
    "learner_mlp_width": 16,
    "learner_heads": 2,
    "learner_memory": 4,
    "learner_replays": 0,
    "entropy_coef": 0.003,
    "value_coef": 1.0,
    "learner_regularisation": 1.0,
    "distillation_steps": 2,
    "replay_size": 16,
    "distillation_window": 16,
}
FRAMES = 24_000  # each of seven seeds needed fewer than 18,000 for a success of 0.95


class Forgetful(nn.Module):
    """A core whose memory is cleared before every step."""

    def __init__(self, core: Core) -> None:
        super().__init__()
        self.core = core

    @property
    def output_size(self) -> int:
        return self.core.output_size

    def initial_state(self, lanes: int) -> CoreState:
        return self.core.initial_state(lanes)

    def forward(
        self, inputs: Tensor, state: CoreState, is_first: Tensor, carry: int | None = None
    ) -> tuple[Tensor, CoreState]:
        return self.core(inputs, state, torch.ones_like(is_first), carry)


def success_of(trained: ALD) -> float:
    """Success over the last episodes of training."""
    trained.learn(FRAMES)
    assert trained.ep_success_buffer is not None and len(trained.ep_success_buffer) == 500
    return float(np.mean(trained.ep_success_buffer))


def test_a_task_that_needs_memory_is_learned() -> None:
    trained = tiny_model(cue_lanes(16), stats_window_size=500, **LEARNING)
    assert success_of(trained) > 0.95
    returns = evaluate_policy(trained, cue_lanes(1), n_eval_episodes=50, return_episode_rewards=True)[0]
    assert np.mean(returns) == 1.0


def test_the_same_task_stays_at_chance_without_memory() -> None:
    trained = tiny_model(cue_lanes(16), stats_window_size=500, **LEARNING)
    networks = (trained.distiller.network, trained.learner.network, trained.learner.target)
    for network in networks:
        network.core = Forgetful(network.core)
    assert 0.4 < success_of(trained) < 0.6
