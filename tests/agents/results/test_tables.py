"""The numbers of a task as tables."""

import pytest

from agents.figures.table import NONE
from agents.results.comparison import compare, find_subject
from agents.results.runs import find_runs, grouped
from agents.results.statistics import Estimate
from agents.results.tables import (
    PAPER,
    all_tasks_table,
    comparison_table,
    finals_table,
    milestones_table,
    seeds_table,
    shown,
    values_table,
)
from agents.runs.curve import PAPER as PUBLISHED
from tests.support.small_benchmark import write_benchmark, write_run


@pytest.fixture
def runs(tmp_path):
    return find_runs(write_benchmark(tmp_path))


@pytest.fixture
def groups(runs):
    return grouped([run for run in runs if "imaze" in run.group])


def test_how_soon_is_told_with_how_many_seeds_got_there_and_of_the_paper(groups):
    table = milestones_table(groups, PUBLISHED, "wall")
    # ALD comes to 50 % at 2,000 frames, or one minute, to 95 % a row later; to 99 % at the end with 3 seeds.
    assert table.rows[0] == (
        "ALD",
        ["0.00", "0.00", "0.00 (3 of 5)", "1:00", "1:30", "2:00 (3 of 5)"],
        "",
    )
    assert table.rows[2].name == "the paper's ALD" and table.rows[2].kind == PAPER
    assert table.columns[-1] == "minutes to 99%"
    assert milestones_table(groups, (), "cpu").columns[-1] == "CPU minutes to 99%"


def test_every_seed_has_its_own_numbers(groups):
    seeds, finals = seeds_table(groups, "wall"), finals_table(groups)
    assert [row.name for row in seeds.rows[:2]] == ["ALD, seed 0", "ALD, seed 1"]
    assert len(seeds.rows) == 10 and all(len(row.cells) == len(seeds.columns) - 1 for row in seeds.rows)
    # The middle three of 1, 0.995, ..., 0.98.
    assert finals.rows[0].cells[0] == "5" and finals.rows[0].cells[1].startswith("0.990 [0.98")
    assert seeds.rows[4].cells[6] == "0.980 [0.980, 0.980]"


def test_values_are_read_off_the_curves_as_far_as_all_seeds_go(tmp_path):
    for seed, successes in enumerate([[0.1, 0.2, 0.3, 0.4], [0.2, 0.3, 0.4, 0.5], [0.3, 0.4, 0.5, 0.6]]):
        write_run(tmp_path, "imaze/ald", seed, successes)
    write_run(tmp_path, "imaze/ppo", 0, [0.0] * 8)
    groups = grouped(find_runs(tmp_path))
    table = values_table(groups, "success", PUBLISHED[:1])
    places = [f"{k * 3.25 / 8:.3g}" for k in range(1, 9)]
    assert table.columns == ["success after M frames", *places, "at its end"]
    short = values_table(groups, "success")
    assert short.columns[1:-1] == ["0.001", "0.002", "0.003", "0.004", "0.005", "0.006", "0.007", "0.008"]
    *on_the_way, at_its_end = short.rows[0].cells
    assert on_the_way[1] == "0.300 [0.200, 0.400]" and on_the_way[4:] == [NONE] * 4
    assert at_its_end == "0.500 [0.400, 0.600] after 0.004"
    assert table.rows[-1].name == "the paper's ALD"
    assert table.rows[-1].cells[-2:] == ["0.990", "0.990 after 3.25"]


def test_comparison_has_a_column_for_each_thing_that_is_known(groups):
    table = comparison_table(compare(groups, {}), find_subject(groups))
    assert table.columns[1:4] == ["normalised score", "the same, greedy", "P(better): score"]
    assert table.rows[0].cells[2] == NONE and table.rows[1].cells[2].startswith("1.000 [")
    alone = comparison_table(compare(groups[:1], {}), None)
    assert alone.columns == ["experiment", "normalised score", "the same, greedy", "CPU minutes"]


def test_agents_are_compared_over_all_tasks_where_they_ran_on_all(runs, groups):
    table = all_tasks_table(runs)
    assert table is not None and [row.name for row in table.rows] == ["ald"]
    assert all_tasks_table([run for group in groups for run in group.runs]) is None


def test_estimates_have_as_many_digits_as_they_need():
    assert shown(None) == NONE
    assert shown(Estimate(0.5, None, None)) == "0.500"
    assert shown(Estimate(48.336, 47.0, 49.05)) == "48.3 [47.0, 49.0]"
