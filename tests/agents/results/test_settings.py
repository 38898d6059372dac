"""What runs were run with, side by side."""

import json

from agents.results.runs import find_runs, grouped
from agents.results.settings import DIFFERS, MOST_COLUMNS, settings_table
from tests.support.small_report import copy_run


def test_settings_that_differ_are_told_apart(small_report, tmp_path):
    copy_run(small_report.runs / "seed0", tmp_path / "other", 7, learner_width=32)
    table = settings_table(grouped([*find_runs(small_report.runs)[:1], *find_runs(tmp_path)]))
    assert {row.name: row.cells for row in table.rows if row.kind == DIFFERS} == {
        "seed": ["0", "7"],
        "learner_width": ["16", "32"],
    }
    config = json.loads((small_report.runs / "seed0" / "config.json").read_text())
    assert set(config["config"]) <= {row.name for row in table.rows}


def test_many_runs_share_a_column(small_report, tmp_path):
    for seed in range(MOST_COLUMNS + 1):
        copy_run(small_report.runs / "seed0", tmp_path / str(seed), seed)
    table = settings_table(grouped(find_runs(tmp_path)))
    assert table.columns == ["setting", "IMaze-v0/ald, seeds: 9"]
    assert next(row for row in table.rows if row.name == "seed").cells == ["0 … 8"]
