"""Dropout and BatchNorm: off where actions are chosen, on where networks are trained; for every agent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.callbacks import BaseCallback, EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.preprocessing import get_flattened_obs_dim
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from tests.support.kinds import KINDS
from tests.support.tiny import cue_lanes, differences

pytestmark = pytest.mark.usefixtures("one_thread")

SEEN: list[tuple[bool, bool, int]] = []
"""Of each pass through an extractor: in training mode or not, with gradient or not, and how many rows."""


class Moody(BaseFeaturesExtractor):
    """BatchNorm and dropout behind a flattened observation."""

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space, get_flattened_obs_dim(observation_space))
        self.batch_norm = nn.BatchNorm1d(self.features_dim)
        self.dropout = nn.Dropout(0.5)

    def forward(self, observations: Tensor) -> Tensor:
        SEEN.append((self.training, torch.is_grad_enabled(), len(observations)))
        features: Tensor = self.dropout(self.batch_norm(observations.flatten(1)))
        return features


class Dropping(Moody):
    """Dropout alone, and so no parameters."""

    def __init__(self, observation_space: spaces.Space[Any]) -> None:
        super().__init__(observation_space)
        self.batch_norm = nn.Identity()  # type: ignore[assignment]


MOODY = {"features_extractor_class": Moody}
every_kind = pytest.mark.parametrize("name", [name for name in KINDS if name != "random"])


def moody(name: str, lanes: int = 2, **arguments: Any) -> Any:
    SEEN.clear()
    return KINDS[name].model(cue_lanes(lanes), policy_kwargs=MOODY, **arguments)


def actor(model: Any) -> nn.Module:
    """The features extractor that acts."""
    policy = model.policy
    found: nn.Module = policy.network.acting.encoder.extractor if hasattr(policy, "network") else None
    return found or policy.features_extractor


def statistics(module: nn.Module) -> Tensor:
    return module.batch_norm.running_mean.clone()  # type: ignore[union-attr, operator]


class OnSteps(BaseCallback):
    """Looks at each step of collecting."""

    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[bool, bool, int]] = []
        self.modes: set[bool] = set()
        self.statistics: list[Tensor] = []

    def _on_rollout_start(self) -> None:
        SEEN.clear()
        self.statistics.append(statistics(actor(self.model)))

    def _on_step(self) -> bool:
        self.modes.add(actor(self.model).training)
        return True

    def _on_rollout_end(self) -> None:
        self.passes += SEEN
        assert torch.equal(self.statistics[-1], statistics(actor(self.model)))
        SEEN.clear()


@every_kind
@pytest.mark.parametrize("lanes", [1, 2])
def test_collecting_is_in_evaluation_mode_and_learning_in_training_mode(name: str, lanes: int) -> None:
    watch = OnSteps()
    model = moody(name, lanes).learn(36, watch)
    assert watch.passes and not any(training for training, _, _ in watch.passes)
    assert watch.modes == {False}
    # What follows a gradient is in training mode; what is computed without one leaves the statistics alone.
    assert any(training for training, _, _ in SEEN)
    assert all(training == grad for training, grad, _ in SEEN)
    assert not torch.equal(watch.statistics[0], statistics(actor(model)))


@every_kind
def test_evaluations_in_between_change_nothing(name: str) -> None:
    parameters = []
    for callback in (None, EvalCallback(cue_lanes(2), n_eval_episodes=2, eval_freq=4, verbose=0)):
        model = moody(name)
        parameters.append(model.learn(36, callback).policy.state_dict())
        assert {training for training, grad, _ in SEEN if grad} == {True}
    assert differences(*map(dict, parameters)) == []


@every_kind
def test_predictions_are_the_same_each_time_and_leave_statistics_alone(name: str) -> None:
    model = moody(name).learn(24)
    before = statistics(actor(model))
    observation = np.eye(3, dtype=np.float32)
    first = model.predict(observation, deterministic=True)[0]
    for _ in range(20):
        assert np.array_equal(first, model.predict(observation, deterministic=True)[0])
    evaluate_policy(model, cue_lanes(2), 4, warn=False)
    assert torch.equal(before, statistics(actor(model)))


@pytest.mark.parametrize("name", ["ald", "vmpo-gtrxl", "asymmetric"])
def test_the_learner_trains_its_own_extractor_and_its_frozen_copy_stays_out_of_it(name: str) -> None:
    model = moody(name)
    extractor = model.learner.network
    extractor = getattr(extractor, "critic", extractor).encoder.extractor
    before = statistics(extractor)
    model.learn(24)
    assert not torch.equal(before, statistics(extractor))
    assert not any(each.training for each in model.learner.target.modules())


@pytest.mark.parametrize("name", ["ald", "vmpo-lstm"])
def test_moments_of_inputs_are_taken_without_dropout(name: str) -> None:
    SEEN.clear()
    model = KINDS[name].model(cue_lanes(2), policy_kwargs={"features_extractor_class": Dropping}).learn(12)
    assert all(grad or not training for training, grad, _ in SEEN)
    normalizer = model.learner.network.encoder.normalizer
    # One-hot observations: the means add up to 1 unless some inputs are dropped and others doubled.
    assert float(normalizer.mean.sum()) == pytest.approx(1.0)
