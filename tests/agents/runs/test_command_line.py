"""The command line of training: defaults, presets, resumed runs, and what is given above them."""

import dataclasses
import re

import psutil
import pytest

from agents.ald import ALDConfig
from agents.baselines.config import PPOConfig
from agents.learning.config import VMPOConfig
from agents.mimic import MimicConfig
from agents.process import provenance
from agents.runs import command_line
from agents.runs.command_line import GROUPS, parse
from agents.runs.settings import RunSettings
from memory_envs.registry.agents import AGENTS
from memory_envs.registry.presets import PRESETS
from tests.support.small_run import ENV


def test_command_line_wins_over_preset_and_preset_over_defaults(monkeypatch):
    preset = dataclasses.replace(
        PRESETS["imaze/ald"], num_envs=3, overrides={"gamma": 0.9, "entropy_coef": 0.5}
    )
    monkeypatch.setitem(PRESETS, "imaze/ald", preset)
    options = parse(["--preset=imaze/ald", "--gamma", "0.8"])
    assert (options.config.gamma, options.config.entropy_coef) == (0.8, 0.5)
    assert options.config.eps_eta == ALDConfig().eps_eta
    assert (options.run.num_envs, options.run.env) == (3, ENV)
    assert options.run.run_dir.startswith("runs/imaze-ald-s0-")


def test_threads_are_no_more_than_the_environment_allows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert parse(["--env", ENV]).run.num_threads == 1
    assert parse(["--env", ENV, "--num-threads", "3"]).run.num_threads == 3


@pytest.mark.parametrize(
    ("cores", "idle", "threads"), [(2, 2, 2), (2, 1, 1), (2, 0, 1), (8, 3, 3), (8, 8, 4)]
)
def test_threads_have_an_idle_core_each(monkeypatch, cores, idle, threads):
    """Two threads beside two busy programs are seventeen times as slow as one."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(command_line, "available_cores", lambda: cores)
    monkeypatch.setattr(command_line, "idle_cores", lambda: idle)
    assert parse(["--env", ENV]).run.num_threads == threads


@pytest.mark.parametrize(
    ("busy", "idle"),
    [([0.0, 0.0], 2), ([15.0, 10.0], 2), ([100.0, 5.0], 1), ([60.0, 60.0], 1), ([100.0, 100.0], 0)],
)
def test_cores_that_are_mostly_idle_are_counted(monkeypatch, busy, idle):
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval, percpu: busy)
    monkeypatch.setattr(psutil.Process, "cpu_affinity", lambda self: [0, 1], raising=False)
    assert provenance.idle_cores.__wrapped__() == idle


def test_rows_are_12000_frames_apart_at_most_unless_told_otherwise():
    arguments = ["--env", ENV, "--num-envs", "10", "--unroll-length", "50"]
    assert parse(arguments).run.log_every == 24
    assert parse([*arguments, "--num-envs", "1000"]).run.log_every == 1
    assert parse([*arguments, "--log-every", "3"]).run.log_every == 3
    with pytest.raises(ValueError, match="--log-every must be at least 1, got 0"):
        parse([*arguments, "--log-every", "0"])


def test_the_last_preset_counts_as_for_every_option():
    options = parse(["--preset", "imaze/ald", "--preset=imaze/ppo"])
    assert (options.agent, options.run.preset) == ("ppo", "imaze/ppo")


@pytest.mark.parametrize("agent", AGENTS)
def test_any_agent_trains_in_any_environment_with_a_policy_of_its_own(agent):
    options = parse(["--agent", agent, "--env", "CartPole-v1"])
    assert options.agent == agent and isinstance(options.config, options.algorithm.config_class)
    assert options.run.policy in options.algorithm.policy_aliases


def test_without_preset_and_agent_it_is_ald():
    assert parse(["--env", "CartPole-v1"]).agent == "ald"


def help_text(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        parse([*arguments, "--help"])
    assert ended.value.code == 0
    return " ".join(capsys.readouterr().out.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "config"),
    [([], ALDConfig), (["--preset", "imaze/ppo"], PPOConfig), (["--agent", "vmpo"], VMPOConfig)],
)
def test_help_names_every_field_with_its_origin(arguments, config, capsys):
    text = help_text(capsys, *arguments)
    for field in dataclasses.fields(config):
        assert f"--{field.name.replace('_', '-')}" in text
        assert f"{field.metadata['help']} [{field.metadata['origin']}]" in text
    for field in dataclasses.fields(RunSettings):
        assert f"--{field.name.replace('_', '-')}" in text


@pytest.mark.parametrize(
    ("agent", "shown"),
    [("ald", [group for group in GROUPS if group != "teaching"]), ("ppo", ["engine"])],
)
def test_help_stands_in_groups(agent, shown, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parse(["--agent", agent, "--help"])
    text = capsys.readouterr().out
    found = [(each[1], each.start()) for each in re.finditer(r"^\W*(\S+) options\W*$", text, re.M)]
    assert [name for name, _ in found] == ["run", "learner", *(name.replace("_", "-") for name in shown)]
    places = [place for _, place in found]
    assert places[0] < text.index("--seed") < places[1] < text.index("--gamma")
    assert places[-1] < text.index("--num-actors")


def test_help_fits_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parse(["--help"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_no_names_are_shown_as_none(capsys):
    text = help_text(capsys)
    assert "(default: )" not in text
    assert "which unusual reward comes next [ours; paper: none] (default: None)" in text
    assert "(default: 0.99)" in text


def test_every_option_of_a_group_exists():
    kinds = (RunSettings, ALDConfig, MimicConfig)
    known = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    assert known >= {option for options in GROUPS.values() for option in options}


def test_help_lists_the_presets_unless_one_is_given(capsys):
    assert all(name in help_text(capsys) for name in PRESETS)
    assert "imaze/ald" not in help_text(capsys, "--preset", "imaze/ppo")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gama", "0.9"], "Perhaps you meant: --gamma"),
        (["--preset", "--seed", "1"], "Missing value for argument '--preset'"),
        (["--seed", "one"], "one"),
    ],
)
def test_what_cannot_be_read_is_answered_with_what_could(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").replace("─", " ").split())
