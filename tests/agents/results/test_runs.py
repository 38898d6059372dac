"""Runs on disk, in the groups that are compared."""

import json

from agents.report.__main__ import main as report
from agents.results.runs import by_task, distinct, find_runs, grouped
from agents.results.scores import certificate_of
from tests.support.small_benchmark import write_run
from tests.support.small_report import copy_run


def test_runs_are_grouped_by_preset_and_by_what_they_were_run_on(small_report, tmp_path):
    for seed, preset in ((1, "imaze/b"), (2, "imaze/a"), (3, "imaze/b"), (4, None)):
        folder = tmp_path / str(seed)
        copy_run(small_report.runs / "seed0", folder, seed)
        config = json.loads((folder / "config.json").read_text())
        config["run"]["preset"] = preset
        if seed == 3:
            config["run"]["env_kwargs"] = "{}"
        (folder / "config.json").write_text(json.dumps(config))
    tasks = by_task(find_runs(tmp_path))
    assert {name: [group.name for group in grouped(runs)] for name, runs in tasks.items()} == {
        "IMaze-v0 (max_episode_steps=60, size=5, view_size=1)": ["IMaze-v0/ald", "imaze/a", "imaze/b"],
        "IMaze-v0": ["imaze/b"],
    }


def test_a_run_is_one_of_its_task_under_whatever_name_that_was_given(tmp_path):
    for seed, name in enumerate(("MemoryEnvs/IMaze-v0", "memory_envs:MemoryEnvs/IMaze-9x9-v0")):
        changed_run(tmp_path, seed, env=name)
    (runs,) = by_task(find_runs(tmp_path)).values()
    assert [run.seed for run in runs] == [0, 1] and {run.env_id for run in runs} == {"MemoryEnvs/IMaze-v0"}
    assert len(grouped(runs)) == 1 and all(certificate_of(run) for run in runs)


def changed_run(folder, seed, successes=(0.1, 0.2), **changes):
    """A run of imaze/ald, with other settings of the run or the agent."""
    run = write_run(folder, "imaze/ald", seed, successes)
    config = json.loads((run / "config.json").read_text())
    for name, value in changes.items():
        config["config" if name in config["config"] else "run"][name] = value
    (run / "config.json").write_text(json.dumps(config))
    return run


def test_runs_with_other_settings_are_no_seeds_of_the_same_experiment(tmp_path):
    changed_run(tmp_path, 0)
    changed_run(tmp_path, 1, unroll_length=16)
    changed_run(tmp_path, 2, trained_agent="runs/a")
    changed_run(tmp_path, 3)
    changed_run(tmp_path, 4, (0.1, 0.2, 0.3))
    groups = {group.name: [run.seed for run in group.runs] for group in grouped(find_runs(tmp_path))}
    assert groups == {
        "imaze/ald": [0, 3],
        "imaze/ald (unroll_length=16)": [1],
        'imaze/ald (trained_agent="runs/a")': [2],
        "imaze/ald (total_timesteps=3000)": [4],
    }


def test_settings_that_an_older_run_does_not_know_divide_nothing(tmp_path):
    changed_run(tmp_path, 0)
    config = json.loads((run := changed_run(tmp_path, 1) / "config.json").read_text())
    config["config"]["of_a_later_version"] = 1
    run.write_text(json.dumps(config))
    [group] = grouped(find_runs(tmp_path))
    assert [run.seed for run in group.runs] == [0, 1]


def test_repetitions_of_a_run_are_left_out_and_named(tmp_path, capsys):
    first = changed_run(tmp_path / "one", 0)
    changed_run(tmp_path / "two", 0)
    changed_run(tmp_path / "three", 0, unroll_length=16)
    runs, repetitions = distinct(find_runs(tmp_path))
    assert [run.directory.path for run in repetitions] == [tmp_path / "two" / first.name]
    assert len(runs) == 2
    assert report([str(tmp_path), "--episodes", "0"]) == 0
    left_out = f"Left out, same settings and seed as another run: {repetitions[0].directory.path}"
    assert left_out in capsys.readouterr().out
