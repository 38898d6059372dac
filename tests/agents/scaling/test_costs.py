"""Costs of the engine's parts: lines through measurements, and their file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from agents.scaling.__main__ import main
from agents.scaling.costs import Affine, Costs

NAMES = [each.name for each in dataclasses.fields(Costs) if each.type == "Affine"]


def make_costs(**given: Any) -> Costs:
    """One step, one replay and one distillation step unless told; 0 for all others."""
    plain = {"unroll_length": 1, "learner_replays": 1, "distillation_steps": 1}
    costs: dict[str, Any] = dict.fromkeys(NAMES, Affine(0.0))
    for name, value in given.items():
        (plain if name in plain else costs)[name] = (
            value if name in plain or isinstance(value, Affine) else Affine(value)
        )
    return Costs("imaze/ald", "paper", **plain, **costs)


def test_a_line_goes_through_points_on_a_line_and_is_never_below_zero() -> None:
    line = Affine.fit([1, 10, 100], [5, 23, 203])
    assert (line.fixed, line.each) == pytest.approx((3, 2))
    assert Affine.fit([1, 10, 100], [1, 19, 199]).fixed == 0
    assert Affine.fit([1, 10, 100], [5, 4, 3]).each == 0


def test_costs_survive_being_written_and_those_of_an_earlier_version_are_left_out(tmp_path: Path) -> None:
    costs = make_costs(**{name: Affine(number, number / 7) for number, name in enumerate(NAMES)})
    path = tmp_path / "costs.json"
    costs.write(path)
    assert Costs.read(path) == costs
    path.write_text(json.dumps(json.loads(path.read_text()) | {"latency": {"fixed": 1.0, "each": 0.0}}))
    assert Costs.read(path) == costs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"acting_step": None}, "there is no acting_step"),
        ({"acting_step": {"fixed": -1.0}}, "fixed must be at least 0, got -1.0"),
        ({"acting_step": {"fixed": float("nan")}}, "holds no costs: it has the constant NaN"),
    ],
)
def test_a_file_that_holds_no_costs_is_refused(
    tmp_path: Path, change: dict[str, Any], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "costs.json"
    content = dataclasses.asdict(make_costs()) | change
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    assert main(["bound", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error and str(path) in error


def test_table_tells_every_cost_in_units_that_people_read() -> None:
    table = make_costs(
        acting_step=Affine(168e-6, 1.27e-6), replay_update=0.019, waking=Affine(2, 3e-9)
    ).table()
    rows = {row.name: row.cells for row in table.rows}
    assert len(rows) == len(NAMES)
    assert rows["actor: a vector step"] == ["168 us", "1.27 us per lane"]
    assert rows["learner: an update on lanes of the replay"] == ["19 ms", ""]
    assert rows["driver: noticing that a task has ended, by tasks waited for"] == ["2 s", "3 ns per task"]
