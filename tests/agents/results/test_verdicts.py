"""What came out, in words that follow from the numbers."""

import pytest

import memory_envs
from agents.results.milestones import Milestone
from agents.results.runs import find_runs, grouped
from agents.results.statistics import Estimate
from agents.results.verdicts import YARDSTICK, verdict, verdict_table
from tests.support.small_benchmark import write_run

MAZE = memory_envs.reference("MemoryEnvs/IMaze-v0")


@pytest.mark.parametrize(
    ("low", "high", "reached", "word"),
    [
        (0.98, 1.0, 5, "solved"),
        (0.98, 1.0, 4, "learned by 4 of 5"),
        (0.974, 1.0, 5, "uses memory"),
        (0.51, 0.7, 0, "uses memory"),
        (0.51, 1.0, 2, "learned by 2 of 5"),
        (0.4, 0.74, 0, "no use of memory seen"),
        (0.0, 0.04, 0, "no use of memory seen"),
    ],
)
def test_an_interval_is_compared_with_no_memory_and_perfect_memory(low, high, reached, word):
    estimate = Estimate((low + high) / 2, low, high)
    assert verdict(estimate, MAZE, "success", Milestone(None, reached, 5)) == word


def test_without_interval_or_certificate_there_is_no_verdict():
    reached = Milestone(None, 5, 5)
    assert verdict(Estimate(1.0, None, None), MAZE, "success", reached) == "—"
    assert verdict(None, MAZE, "success", reached) == "—"
    assert verdict(Estimate(1.0, 1.0, 1.0), None, "success", reached) == "—"


def test_table_has_agents_in_their_order_and_what_they_are_compared_with(tmp_path):
    for seed in range(3):
        write_run(tmp_path, "imaze/ppo", seed, [0.0, 0.03])
        write_run(tmp_path, "imaze/ald", seed, [0.96, 1.0])
    table = verdict_table(grouped(find_runs(tmp_path)), "cpu")
    assert [row.name for row in table.rows] == [
        "ALD",
        "PPO",
        "chance",
        "no memory (proved)",
        "perfect memory",
    ]
    ald, ppo, chance, *_ = table.rows
    assert ald.cells == ["3", "1.000 [1.000, 1.000]", "3 of 3", "0.00", "0:30", "solved"]
    assert ppo.cells[2:] == ["0 of 3", "—", "—", "no use of memory seen"]
    assert chance.cells[1] == "0.0355" and chance.kind == YARDSTICK
    assert table.columns[-2:] == ["CPU minutes to it", "verdict"]
