"""Options as they are written beside a run and read again."""

import json

import pytest

from agents.ald import ALDConfig
from agents.runs.options import Options
from agents.runs.settings import RunSettings
from agents.runs.trained import choose_env
from tests.support.small_run import ENV


def test_options_survive_json():
    options = Options("ald", RunSettings(env=ENV, stop_at_success=0.9), ALDConfig(max_grad_norm=1.0))
    assert Options.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    with pytest.raises(ValueError, match="not one of this version"):
        Options.from_dict({"run": {"colour": "red"}, "config": {}})


@pytest.mark.parametrize("name", ["memory_envs:MemoryEnvs/IMaze-v0", "MemoryEnvs/IMaze-9x9-v0"])
def test_an_environment_is_kept_under_one_name(name):
    """Else runs of one task would be compared as runs of two, and lack what ships for it."""
    own, kwargs = "MemoryEnvs/IMaze-v0", {"delay": 1}
    options = Options("ald", RunSettings(env=name), ALDConfig())
    assert options.run.env_id == own and options.to_dict()["run"]["env"] == own
    assert choose_env(name, None, own, kwargs) == choose_env(None, None, name, kwargs) == (own, kwargs)
    content = options.to_dict() | {"run": options.to_dict()["run"] | {"env": name}}  # as before
    assert Options.from_dict(content) == options


def test_settings_that_a_saved_configuration_lacks_are_what_their_absence_means(monkeypatch):
    content = Options("ald", RunSettings(env=ENV), ALDConfig(reward_prediction_coef=0.5)).to_dict()
    del content["config"]["reward_prediction_coef"]
    field = ALDConfig.__dataclass_fields__["reward_prediction_coef"]
    monkeypatch.setattr(field, "metadata", {**field.metadata, "absent": 0.25})
    assert Options.from_dict(content).config.reward_prediction_coef == 0.25
