"""The page of other people's tasks, from records with numbers that can be worked out by hand."""

import json
import re
from dataclasses import replace

import pytest

from agents.benchmark.__main__ import main
from agents.benchmark.foreign.page import (
    equal_time_table,
    minutes_table,
    page,
    returns_table,
    save_page,
    verdict,
)
from agents.benchmark.foreign.records import Curve, Record, Records, read_records, together, write_records
from agents.benchmark.foreign.tasks import TASKS
from agents.results.statistics import Estimate
from tests.support import ROOT


def run(agent, seed, sampled, minutes, task="MemoryChain10", greedy=None):
    """A run whose training return rose from 0 to its final one in a straight line."""
    curve = Curve([0, 100_000], [0.0, 60.0 * minutes], [0.0, sampled])
    greedy = sampled if greedy is None else greedy
    return Record(task, agent, seed, 100_480, 60.0 * minutes, 100, sampled, greedy, curve)


@pytest.fixture
def records():
    runs = [run("ald", seed, 1.0, 2, greedy=0.25) for seed in range(4)]
    runs += [run("recurrent-ppo", seed, (0.0, 0.5, 0.5, 1.0)[seed], 8, greedy=0.25) for seed in range(4)]
    runs += [run("ppo", seed, 0.125 * seed, 4) for seed in range(3)]
    runs += [run("random", 0, -0.02, 0.1)]
    runs += [run(agent, 0, 30.0, 1, task="CartPole") for agent in ("ald", "recurrent-ppo")]
    return Records(["Made by hand."], runs)


def rows(table):
    return {row.name: row.cells for row in table.rows}


def test_returns_are_interquartile_means_and_chance_and_maximum_stand_beside_them(records):
    [cart, chain] = (
        rows(returns_table(records.runs, "sampled"))[name] for name in ("CartPole", "MemoryChain10")
    )
    assert cart == ["—", "500", "30.0", "30.0", "—", "—", "—"]
    chance, maximum, ald, recurrent, stack, ppo, word = chain
    assert (chance, maximum, ald, stack) == ("-0.020", "1", "1.000 [1.000, 1.000]", "—")
    # The middle two of 0, 0.5, 0.5, 1; and all of 0, 0.125, 0.25.
    assert recurrent.startswith("0.500 [0.") and ppo.startswith("0.125 [0.")
    assert word == "level"  # a bootstrap sample has several 1s
    assert rows(returns_table(records.runs, "greedy"))["MemoryChain10"][2] == "0.250 [0.250, 0.250]"


def test_the_verdict_is_whether_intervals_overlap():
    low, middle, high = Estimate(0.1, 0.0, 0.2), Estimate(0.3, 0.2, 0.4), Estimate(0.6, 0.5, 0.7)
    assert [verdict(low, middle), verdict(high, middle), verdict(low, high)] == ["level", "ahead", "behind"]
    assert verdict(Estimate(0.9, None, None), low) is None and verdict(None, low) is None


def test_at_equal_time_every_curve_is_read_at_the_end_of_the_shortest_run(records):
    minutes, ald, recurrent, stack, ppo = rows(equal_time_table(records.runs))["MemoryChain10"]
    # ALD's two minutes: a quarter of RecurrentPPO's eight, half of PPO's four.
    assert (minutes, ald, stack) == ("2.00", "1.000 [1.000, 1.000]", "—")
    assert recurrent.startswith("0.125 [0.") and ppo.startswith("0.062 [0.")
    assert rows(minutes_table(records.runs))["MemoryChain10"] == ["100,480", "2.0", "8.0", "—", "4.0"]


def test_a_curve_that_begins_later_is_not_read_before_its_beginning(records):
    late = [
        replace(each, curve=Curve([9, 10], [300.0, 480.0], [0.0, 1.0]))
        if each.agent == "recurrent-ppo"
        else each
        for each in records.runs
    ]
    assert rows(equal_time_table(late))["MemoryChain10"][2] == "—"


def test_the_page_says_how_far_cpu_times_of_equal_runs_lie_apart(records):
    slow = replace(records.runs[0], seed=9, cpu_seconds=300.0)
    text = " ".join(page(replace(records, runs=[*records.runs, slow])).split())
    assert "up to a factor of 2.5 apart (ALD, MemoryChain10)" in text


def test_the_page_counts_verdicts_names_every_task_and_says_what_was_not_run(records):
    better = [replace(each, sampled=0.1) if each.agent == "recurrent-ppo" else each for each in records.runs]
    text = page(replace(records, runs=better))
    assert "Of 1 tasks, ALD is ahead on 1 (MemoryChain10), level on 0, behind on 0." in text
    assert [name for name in TASKS if f"- **{name}** (" not in text] == []
    assert "**MemoryChain10** (bsuite, memory_len; 0 to 4 seeds)" in text
    assert "**DoorKey** (MiniGrid; not run, needs the extra `foreign`)" in text
    assert "**Acrobot** (Gymnasium; not run)" in text and text.endswith("\n\nMade by hand.\n")
    assert "over 100 episodes" in text and not re.search(r"\{\w+\}", text)


def test_runs_collected_later_are_added_in_order_and_no_run_is_there_twice(records):
    half = len(records.runs) // 2
    later = Records(["Made later."], records.runs[:half])
    both = together(replace(records, runs=records.runs[half:]), later)
    assert both.made_with == ["Made by hand.", "Made later."] and len(both.runs) == len(records.runs)
    assert both.runs == together(later, replace(records, runs=records.runs[half:])).runs
    assert [(run.task, run.agent, run.seed) for run in both.runs][:2] == [
        ("CartPole", "ald", 0),
        ("CartPole", "recurrent-ppo", 0),
    ]
    with pytest.raises(ValueError, match="there are several .*MemoryChain10/ald/0"):
        together(records, later)


def test_records_go_through_their_file(records, tmp_path):
    write_records(records, tmp_path / "foreign.json")
    assert read_records(tmp_path / "foreign.json") == records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "MemoryChain11"}, "task must be one of CartPole, "),
        ({"agent": "dqn"}, "agent must be one of ald, "),
        ({"sampled": "much"}, "runs/0/sampled must be of the kind float"),
        ({"curve": {"frames": [1], "cpu_seconds": [], "returns": []}}, "must be equally long"),
        ({"seed": 1}, "there are several MemoryChain10/ald/1"),
    ],
)
def test_records_that_are_none_are_refused(change, message, records, tmp_path, capsys):
    file = tmp_path / "foreign.json"
    write_records(records, file)
    content = json.loads(file.read_text())
    content["runs"][0] |= change
    file.write_text(json.dumps(content))
    assert main(["foreign-page", str(file)]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "foreign.md").exists()


def test_the_page_of_the_documentation_is_that_of_its_raw_data(tmp_path):
    """Written by `python -m agents.benchmark foreign-page docs/foreign.json`."""
    save_page(read_records(ROOT / "docs" / "foreign.json"), tmp_path / "foreign.md")
    assert (tmp_path / "foreign.md").read_bytes() == (ROOT / "docs" / "foreign.md").read_bytes()
