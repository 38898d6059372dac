"""How soon runs came how far, and how their final models do."""

import json
from dataclasses import replace

import pytest

from agents.results.milestones import LEVELS, final, milestone, published_milestone
from agents.results.runs import find_runs, grouped
from agents.runs.curve import PAPER


@pytest.fixture
def group(small_report):
    return grouped(find_runs(small_report.runs))[0]


def rows_of(*successes):
    return [
        {
            "time/total_timesteps": str(1000 * k),
            "time/training_seconds": str(60 * k),
            "rollout/success_rate": str(success),
        }
        for k, success in enumerate(successes, start=1)
    ]


def test_milestones_are_medians_over_seeds(group):
    logs = [rows_of(0.1, 0.6, 0.96, 1.0), rows_of(0.5, 0.5, 0.5, 0.97), rows_of(0.0, 0.0, 0.0, 0.5)]
    runs = [replace(run, rows=log) for run, log in zip(group.runs, logs, strict=True)]
    assert [milestone(runs, level, "minutes") for level in LEVELS] == [(2, 3, 3), (4, 2, 3), (None, 1, 3)]
    assert [milestone(runs[:1], level, "frames").median for level in LEVELS] == [0.002, 0.003, 0.004]
    assert milestone(runs[:2], 0.95, "minutes").median == 3.5


def test_published_milestones_lie_between_published_points():
    ald, gtrxl, _, lstm = PAPER
    assert published_milestone(ald, 0.99, "frames") == 3.25
    assert published_milestone(gtrxl, 0.5, "frames") == pytest.approx(1 + 0.25 * 0.16 / 0.31)
    assert [published_milestone(lstm, level, "frames") for level in LEVELS] == [None, None, None]


def test_final_numbers_are_those_of_the_evaluation(small_report, group):
    evaluation = json.loads((small_report.runs / "seed0" / "evaluation.json").read_text())
    one = replace(group, runs=group.runs[:1])
    assert final(one, "success", "sampled")._asdict() == evaluation["sampled"]["success"]
    mean = evaluation["deterministic"]["mean_return"]["mean"]
    assert final(group, "mean_return", "deterministic") == pytest.approx((mean, mean, mean))
    assert final(one, "success", "never") is None
