"""Policies to export, and how an exported actor is compared with its policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.ald.policy import LSTMActorPolicy
from agents.evaluation.latency import sample_observations
from agents.export.check import ABSOLUTE, RELATIVE
from agents.export.onnx_actor import OnnxActor

BOX = spaces.Box(-1, 1, (3,), np.float32)
IMAGE = spaces.Box(0, 255, (3, 36, 40), np.uint8)
MIXED = spaces.Dict(vector=BOX, count=spaces.Discrete(5), bits=spaces.MultiBinary(2))
LANES, STEPS = 4, 12


def scatter(module: nn.Module) -> None:
    """SB3 begins with heads so small that all policies look alike; extractors are left as they are."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if "features_extractor" not in name:
                parameter.add_(0.5 * torch.randn(parameter.shape, generator=generator))


def policy(
    kind: type[RecurrentActorCriticPolicy] = LSTMActorPolicy, space: spaces.Space[Any] = BOX, **kwargs: Any
) -> RecurrentActorCriticPolicy:
    torch.manual_seed(0)
    built = kind(space, spaces.Discrete(3), lambda _: 1e-3, **{"lstm_hidden_size": 8, **kwargs})
    scatter(built)
    return built


def starts() -> np.ndarray:
    """[T, B] bool: some lanes begin with the window, all begin again inside it."""
    is_first = np.zeros((STEPS, LANES), bool)
    is_first[[0, 4, 0, 5, 9, 3, 7], [0, 0, 1, 1, 1, 2, 3]] = True
    return is_first


def assert_same_play(model: Any, actor: OnnxActor, space: spaces.Space[Any]) -> None:
    """The best actions and the memory along a row of observations, resets included."""
    theirs = ours = None
    for t in range(STEPS):
        observation, first = sample_observations(space, LANES, seed=t), starts()[t]
        expected, theirs = model.predict(observation, theirs, first, deterministic=True)
        actions, ours = actor.predict(observation, ours, first, deterministic=True)
        assert actions.dtype == expected.dtype and np.array_equal(actions, expected)
        for left, right in zip(theirs, ours, strict=False):
            np.testing.assert_allclose(left, right, RELATIVE, ABSOLUTE)


class Scaled(BaseFeaturesExtractor):
    """A user's own extractor."""

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, 4)
        self.layer = nn.Linear(3, 4)

    def forward(self, observation: Tensor) -> Tensor:
        return torch.sin(self.layer(observation)) * torch.arange(1.0, 5.0)
