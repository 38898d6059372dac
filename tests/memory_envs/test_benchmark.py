"""The benchmark measures what it says and reports it."""

import json
import sys

import pytest

from memory_envs import benchmark


@pytest.fixture
def rates(monkeypatch):
    monkeypatch.setattr(benchmark, "LANES", (2, 64))
    return benchmark.measure(0.05)


@pytest.mark.parametrize("env_id", benchmark.IDS)
def test_lanes_together_are_faster_than_one_environment(rates, env_id):
    one, two, many = (rates[f"{env_id}, {name}"] for name in ("one environment", "2 lanes", "64 lanes"))
    # By how much depends on what else the machine does: about 8 times where it does nothing.
    assert many > one > 0 and many > two > 0
    assert many > rates[f"{env_id}, 64 lanes, rgb"] > 0 and many > rates[f"{env_id}, 2 lanes, analysis"] > 0


def test_the_table_compares_with_the_rival_when_it_was_measured():
    rates = {"mine": 5000.0, f"{benchmark.MINIGRID}, one environment": 2000.0}
    lines = benchmark.table(rates).splitlines()
    assert "x MiniGrid" in lines[0] and lines[1].split()[-2:] == ["5,000", "2.5"]
    assert "x MiniGrid" not in benchmark.table({"mine": 5000.0})


def test_the_command_prints_the_table_and_writes_the_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(benchmark, "LANES", (2,))
    file = tmp_path / "rates.json"
    monkeypatch.setattr(sys, "argv", ["benchmark", "--seconds", "0.05", "--json", str(file)])
    benchmark.main()
    report = json.loads(file.read_text())
    assert f"{benchmark.IDS[0]}, 2 lanes" in capsys.readouterr().out
    assert all(rate > 0 for rate in report["steps_per_second"].values()) and report["python"]


def test_the_rate_is_steps_over_time(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(benchmark.time, "perf_counter", lambda: float(next(clock)))
    # The clock reads 0 at the start, then 1 and 2 before the two plays, then 3.
    assert benchmark._rate(lambda: 30, seconds=3.0) == 60 / 3
