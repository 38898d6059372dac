"""The tables of the registry: everything they name exists and fits together."""

import dataclasses
import importlib
import re

import gymnasium
import pytest

import memory_envs  # noqa: F401
from agents.runs.settings import rows_apart
from memory_envs.registry.ablations import ABLATIONS
from memory_envs.registry.agents import get_agent
from memory_envs.registry.presets import PRESETS, get_preset, listed_presets, preset_groups


def imported(entry_point):
    module, _, name = entry_point.partition(":")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_presets_name_an_agent_and_an_environment_that_exist(preset):
    assert PRESETS[preset.name] is preset
    assert preset.policy in imported(get_agent(preset.agent).entry_point).policy_aliases
    gymnasium.make(preset.env, **preset.env_kwargs).close()
    assert preset.num_envs >= 1 and preset.total_timesteps >= 1


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_overrides_of_presets_differ_from_the_defaults(preset):
    defaults = imported(get_agent(preset.agent).entry_point).config_class()
    dataclasses.replace(defaults, **preset.overrides)  # known fields, values in range
    assert {
        name: getattr(defaults, name) for name in preset.overrides
    }.items() & preset.overrides.items() == set()


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_rows_of_the_log_lie_equally_close_in_all_presets(preset):
    config = imported(get_agent(preset.agent).entry_point).config_class(**preset.overrides)
    unroll_frames = preset.num_envs * config.unroll_length
    rows = rows_apart(unroll_frames)
    assert 6_000 < rows * unroll_frames <= 12_000 or (rows == 1 and unroll_frames > 12_000)


def settings(name):
    """All settings of a preset's agent."""
    preset = get_preset(name)
    return imported(get_agent(preset.agent).entry_point).config_class(**preset.overrides).to_dict()


@pytest.mark.parametrize("suffix", ABLATIONS)
def test_ablations_change_one_thing(suffix):
    base, changed = get_preset("imaze/ald"), get_preset(f"imaze/ald-{suffix}")
    assert changed.ablation_of == base.name
    fields = [field.name for field in dataclasses.fields(base)]
    differing = {name for name in fields if getattr(base, name) != getattr(changed, name)}
    assert differing == {"name", "source", "overrides", "ablation_of"}
    before, after = settings("imaze/ald"), settings(changed.name)
    assert {name for name in before if before[name] != after[name]} == ABLATIONS[suffix].overrides.keys()
    assert len(ABLATIONS[suffix].overrides) == 1


def test_ablations_and_their_base_cover_those_of_the_paper():
    values = {}
    for name in ("imaze/ald", *(f"imaze/ald-{suffix}" for suffix in ABLATIONS)):
        for setting, value in settings(name).items():
            values.setdefault(setting, set()).add(value)
    assert values["distilled_value_coef"] == {0.1, 0.0} and 0.0 in values["learner_regularisation"]
    assert {1, 2, 4, 8, 16} <= values["distillation_steps"]
    assert values["actor_hidden_size"] == {16, 32, 64, 128} and values["learner_layers"] == {1, 2, 4}


# What the paper states of all its agents.
STATED = {
    "unroll_length": 20,
    "gamma": 0.99,
    "learner_learning_rate": 1e-4,
    "dual_learning_rate": 1e-4,
    "max_grad_norm": None,
    "rl_loss": "vmpo",
    "eta_init": 1.0,
    "eps_eta": 0.1,
    "alpha_init": 1.0,
    "eps_alpha": 0.004,
    "target_period": 10,
    "popart_step_size": 3e-4,
}
STATED_OF_ALD = {
    "actor_hidden_size": 32,
    "actor_learning_rate": 1e-4,
    "learner_layers": 4,
    "learner_regularisation": 1.0,
    "distillation_direction": "actor_learner",
}


@pytest.mark.parametrize(
    ("agent", "stated"),
    [
        ("ald", STATED_OF_ALD),
        ("vmpo-gtrxl", {"learner_layers": 4}),
        ("vmpo-lstm", {"lstm_hidden_size": 32}),
        ("asymmetric", {"learner_layers": 4, "lstm_hidden_size": 32}),
    ],
)
def test_settings_of_the_paper_are_its_numbers(agent, stated):
    preset, ours = get_preset(f"paper/imaze/{agent}"), get_preset(f"imaze/{agent}")
    assert (preset.agent, preset.policy, preset.env) == (ours.agent, ours.policy, ours.env)
    assert preset.num_envs == 64
    found = settings(preset.name)
    assert {name: found[name] for name in STATED | stated} == STATED | stated
    for absent in ("learner_replays", "entropy_coef"):
        assert found[absent] == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_presets_train(name, tmp_path, one_thread):
    from rich.console import Console

    from agents.runs.command_line import parse
    from agents.runs.session import prepare

    options = parse(["--preset", name, "--run-dir", str(tmp_path)])
    _, model = prepare(options, Console(quiet=True))
    model.learn(1)
    assert model.num_timesteps >= PRESETS[name].num_envs


def test_groups_name_every_preset_once():
    groups = preset_groups()
    assert sorted(name for names in groups.values() for name in names) == sorted(PRESETS)
    assert groups["ablations of imaze/ald"] == [f"imaze/ald-{suffix}" for suffix in ABLATIONS]
    assert "paper/imaze/ald" in groups["paper/imaze"]


def test_unknown_presets_are_answered_with_all_by_group():
    with pytest.raises(ValueError, match="there is no preset 'zzz'\nThere are:\n") as refusal:
        get_preset("zzz")
    lines = str(refusal.value).splitlines()[2:]
    assert sorted(lines) == sorted(listed_presets().splitlines())
    assert [line for line in lines if line.startswith("  imaze: imaze/ald, imaze/vmpo-gtrxl, ")]
    assert max(map(len, lines)) <= 80
    assert sorted(re.findall(r"[^\s,]+/[\w-]+(?=,|$)", "\n".join(lines), re.M)) == sorted(PRESETS)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"no preset 'imaze/adl', did you mean 'imaze/ald'\?"):
        get_preset("imaze/adl")


@pytest.mark.parametrize(
    ("name", "group"), [("meta-fetch/adl", "meta-fetch"), ("paper/imaze/gtrxl", "paper/imaze")]
)
def test_the_group_of_an_unknown_preset_stands_first(name, group):
    with pytest.raises(ValueError, match=rf"There are:\n  {group}: {group}/ald, "):
        get_preset(name)
