"""What a report says of runs: curves, milestones, final numbers and settings."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.report.__main__ import main as report
from agents.report.content import content
from agents.results.learning import curves
from agents.results.milestones import milestone_rows
from agents.results.runs import distinct, find_runs, grouped
from agents.results.settings import columns_of, settings_table
from agents.results.statistics import bootstrap_interval, interquartile_mean
from agents.runs.curve import PAPER
from tests.support.small_benchmark import write_run
from tests.support.small_report import copy_run


def test_interquartile_mean_leaves_out_a_quarter_at_each_end():
    assert interquartile_mean(np.array([0.0, 4.0, 6.0, 100.0])) == 5.0
    assert interquartile_mean(np.array([3.0, 1.0, 2.0])) == 2.0
    np.testing.assert_array_equal(interquartile_mean(np.array([[0, 1], [2, 3], [4, 5], [9, -9]])), [3, 2])


def test_bootstrap_interval_covers_as_often_as_it_says():
    """Of means of 12 normal samples; the percentile bootstrap is known to be a little too narrow."""
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(12, 300))
    low, high = bootstrap_interval(samples)
    assert 0.86 <= np.mean((low <= 0) & (high >= 0)) <= 0.98
    equal_low, equal_high = bootstrap_interval(np.full(5, 0.7))
    np.testing.assert_allclose([equal_low, equal_high], 0.7)


def test_curves_hold_every_logged_row_and_an_interval_from_three_seeds(small_report):
    groups = grouped(find_runs(small_report.runs))
    [drawn] = curves(groups)
    panel = drawn["success"]["frames"]
    assert [line["seed"] for line in panel["runs"]] == [0, 1, 2]
    rows = groups[0].runs[1].rows
    logged = [row for row in rows if row["rollout/success_rate"]]
    assert panel["runs"][1]["x"] == [round(int(row["time/total_timesteps"]) / 1e6, 5) for row in logged]
    assert panel["runs"][1]["y"] == [round(float(row["rollout/success_rate"]), 5) for row in logged]
    aggregate = panel["aggregate"]
    middle = np.interp(aggregate["x"], panel["runs"][1]["x"], panel["runs"][1]["y"])
    np.testing.assert_allclose(aggregate["y"], middle, atol=2e-3)  # the seeds are 0.1 apart
    ends = zip(*(aggregate[name] for name in ("low", "y", "high")), strict=True)
    assert all(low <= y <= high for low, y, high in ends)
    [two] = curves([replace(groups[0], runs=groups[0].runs[:2])])
    assert two["success"]["frames"]["aggregate"] is None


def test_curves_begin_where_means_run_over_enough_episodes(tmp_path):
    run = write_run(tmp_path, "imaze/ald", 0, [1.0, 0.8, 0.1, 0.2])
    progress = run / "progress.csv"
    head, *rows = progress.read_text().splitlines()
    few = [row.replace(",200,", f",{count},") for row, count in zip(rows, (1, 99, 100, 200), strict=True)]
    progress.write_text("\n".join([head, *few]))
    [line] = curves(grouped(find_runs(tmp_path)))[0]["success"]["frames"]["runs"]
    assert line == {"seed": 0, "x": [0.003, 0.004], "y": [0.1, 0.2]}
    progress.write_text("\n".join([head, *few[:2]]))
    [line] = curves(grouped(find_runs(tmp_path)))[0]["success"]["frames"]["runs"]
    assert line["y"] == [1.0, 0.8]


def test_milestones_are_medians_over_seeds_beside_the_papers(small_report):
    [group] = grouped(find_runs(small_report.runs))

    def rows_of(*successes):
        return [
            {
                "time/total_timesteps": str(1000 * k),
                "time/training_seconds": str(60 * k),
                "rollout/success_rate": str(success),
            }
            for k, success in enumerate(successes, start=1)
        ]

    logs = [rows_of(0.1, 0.6, 0.96, 1.0), rows_of(0.5, 0.5, 0.5, 0.97), rows_of(0.0, 0.0, 0.0, 0.5)]
    group = replace(
        group, runs=tuple(replace(run, rows=log) for run, log in zip(group.runs, logs, strict=True))
    )
    ours, *papers = milestone_rows([group], PAPER)
    half, most, all_but = ours["reached"]["minutes"]
    assert (half["median"], half["low"], half["high"], half["reached"]) == (2, 1, 4, 3)
    assert (most["median"], most["reached"]) == (4, 2)
    assert (all_but["median"], all_but["reached"], all_but["high"]) == (None, 1, 4)
    assert ours["runs"][0]["reached"]["frames"] == [0.002, 0.003, 0.004]
    assert [row["name"] for row in papers] == ["ALD", "GTrXL", "Asymmetric AC", "LSTM"]
    assert papers[0]["reached"]["frames"][2] == 3.25
    assert papers[1]["reached"]["frames"][0] == pytest.approx(1 + 0.25 * 0.16 / 0.31)
    assert papers[3]["reached"]["frames"] == [None, None, None]


def test_final_numbers_are_those_of_the_evaluation(small_report):
    group = grouped(find_runs(small_report.runs))[0]
    [row] = milestone_rows([group], [])
    evaluation = json.loads((small_report.runs / "seed0" / "evaluation.json").read_text())
    assert row["runs"][0]["final"]["sampled"]["success"] == evaluation["sampled"]["success"]
    mean = evaluation["deterministic"]["mean_return"]["mean"]
    assert row["final"]["deterministic"]["mean_return"] == pytest.approx(
        {"mean": mean, "low": mean, "high": mean}
    )


def test_settings_that_differ_are_told_apart(small_report, tmp_path):
    copy_run(small_report.runs / "seed0", tmp_path / "other", 7, learner_width=32)
    runs = [*find_runs(small_report.runs)[:1], *find_runs(tmp_path)]
    table = settings_table(list(columns_of(grouped(runs)).values()))
    assert {row["name"]: row["values"] for row in table if row["differs"]} == {
        "seed": ["0", "7"],
        "learner_width": ["16", "32"],
    }
    config = json.loads((small_report.runs / "seed0" / "config.json").read_text())
    assert set(config["config"]) <= {row["name"] for row in table}


def test_runs_are_grouped_by_preset_and_by_what_they_were_run_on(small_report, tmp_path):
    for seed, preset in ((1, "imaze/b"), (2, "imaze/a"), (3, "imaze/b"), (4, None)):
        folder = tmp_path / str(seed)
        copy_run(small_report.runs / "seed0", folder, seed)
        config = json.loads((folder / "config.json").read_text())
        config["run"]["preset"] = preset
        if seed == 3:
            config["run"]["env_kwargs"] = "{}"
        (folder / "config.json").write_text(json.dumps(config))
    tasks = content(find_runs(tmp_path), episodes=0)["tasks"]
    assert [(task["name"], task["groups"]) for task in tasks] == [
        ("IMaze-v0 (max_episode_steps=60, size=5, view_size=1)", ["IMaze-v0/ald", "imaze/a", "imaze/b"]),
        ("IMaze-v0", ["imaze/b"]),
    ]
    assert [len(task["published"]) for task in tasks] == [0, 4]


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
    left_out = f"left out, as another run has its settings and its seed: {repetitions[0].directory.path}"
    assert left_out in capsys.readouterr().out
