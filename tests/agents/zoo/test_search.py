"""What is drawn are settings that the agents take."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from agents.ald import ALDConfig
from agents.learning.config import VMPOConfig
from agents.zoo.search import converted, sample_ald, sample_vmpo

optuna: Any = pytest.importorskip("optuna", reason="the zoo extra is not installed")


@pytest.mark.parametrize(("draw", "config"), [(sample_ald, ALDConfig), (sample_vmpo, VMPOConfig)])
def test_every_draw_is_a_configuration_and_the_trial_tells_it_again(draw: Any, config: Any) -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(40):
        trial = study.ask()
        settings = draw(trial, 0, 8, {})
        assert settings == converted(trial.params)
        seen.add(dataclasses.astuple(config(**settings)))
    assert len(seen) == 40


def test_the_discount_is_drawn_by_its_distance_from_1() -> None:
    assert converted({"one_minus_gamma": 0.02, "unroll_length": 20}) == {"gamma": 0.98, "unroll_length": 20}
