"""Options as they are written beside a run and read again."""

import json

import pytest

from agents.ald import ALDConfig
from agents.runs.options import Options
from agents.runs.settings import RunSettings
from tests.support.small_run import ENV


def test_options_survive_json():
    options = Options("ald", RunSettings(env=ENV, stop_at_success=0.9), ALDConfig(max_grad_norm=1.0))
    assert Options.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    with pytest.raises(ValueError, match="not one of this version"):
        Options.from_dict({"run": {"colour": "red"}, "config": {}})


def test_settings_that_a_saved_configuration_lacks_are_what_their_absence_means(monkeypatch):
    content = Options("ald", RunSettings(env=ENV), ALDConfig(reward_prediction_coef=0.5)).to_dict()
    del content["config"]["reward_prediction_coef"]
    field = ALDConfig.__dataclass_fields__["reward_prediction_coef"]
    monkeypatch.setattr(field, "metadata", {**field.metadata, "absent": 0.25})
    assert Options.from_dict(content).config.reward_prediction_coef == 0.25
